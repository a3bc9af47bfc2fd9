/**
 * What a region in review is about: its own object, and the prediction that it is to be compared
 * with. While the region is open they stand out by an outline, and all else is drawn faintly
 * (layers.js), so that nobody has to guess which of many objects is meant.
 */

import { bestMatch } from "./accept.js";
import { predictedLayer } from "./judge.js";
import { outlinePath } from "./outline.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("../core/items.js").Item} Item */
/** @typedef {{layer: string, item: Item, own: boolean, path: Path2D}} Part */

/** The report of a review draws its item in this orange, and what it is compared with in blue. */
const OWN = "#e69f00";
const OTHER = "#56b4e9";
const COMPARED = ["missing", "boundary", "wrong-class"];

export class Concern {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    /** @type {Part[]} */
    this.known = [];
    /** @type {unknown[]} what the parts were found from. */
    this.seen = [];
    /** @type {string | null} id of the region that things are drawn for. */
    this.open = null;
    page.layers.concerned = (layer) => this.among(layer);
    page.compositor.focus = () => this.box;
    page.draft.painters.push(() => this.draw());
    page.store.watch(["item", "sample", "phase"], () => {
      const id = this.item?.id ?? null;
      if (id !== this.open) page.layers.restyle();
      this.open = id;
    });
    page.store.watch(["edited", "overlays", "project"], () => page.draft.redraw());
  }

  /** The region that is open, unless the stage still shows the image before or already the next. */
  get item() {
    const { item, sample, phase } = this.page.store.state;
    return item && phase === "ready" && item.sample_id === sample?.id ? item : null;
  }

  /** @returns {Part[]} objects that the open region is about; none in a map. */
  parts() {
    const { layers, store } = this.page;
    const { item } = this;
    const { reviews, review, layer } = store.state;
    const other = predictedLayer(reviews.find((one) => one.id === review)) ?? "";
    const document = layers.documentOf(layer);
    const predicted = layers.documentOf(other);
    const [home, at] = item?.kind === "extra" ? [other, predicted] : [layer, document];
    const own = at?.form === "rows" ? at.objects.get(item?.object ?? "") : undefined;
    const seen = [item?.id, home, own, predicted];
    if (seen.every((one, i) => one === this.seen[i])) return this.known;
    this.seen = seen;
    this.known = own ? [{ layer: home, item: own, own: true, path: outlinePath([own]) }] : [];
    const compared = own && COMPARED.includes(item?.kind ?? "") && predicted?.form === "rows";
    const uid = compared && document ? bestMatch(predicted, document, own.uid) : null;
    const found = uid ? predicted?.objects.get(uid) : null;
    // The item's own outline comes last: where both run along each other it is the one that is seen.
    if (found)
      this.known.unshift({ layer: other, item: found, own: false, path: outlinePath([found]) });
    return this.known;
  }

  /**
   * The objects of a layer that stand out from the others.
   *
   * @param {string} layer
   * @returns {Set<string> | null} null while no region is open: none is drawn faintly.
   */
  among(layer) {
    if (!this.item || this.box) return null;
    const parts = this.parts().filter((part) => part.layer === layer);
    return new Set(parts.map((part) => part.item.uid));
  }

  /** In a map, the part of the image that stands out. */
  get box() {
    return this.page.opened.document?.form === "map" ? this.item : null;
  }

  draw() {
    const { draft, layers, view } = this.page;
    const { item } = this;
    if (!item) return;
    const parts = this.parts().filter(({ layer }) => layers.shows(layer));
    const { x, y, scale } = view;
    const placing = new DOMMatrix([scale, 0, 0, scale, -x * scale, -y * scale]);
    // Without an object, as in a map, the region is all there is to be told.
    if (this.parts().length === 0) return draft.line(draft.framePath(item), OWN, [], 3);
    draft.line(draft.framePath(item), "#ffffff", [6, 4]);
    for (const { own, path } of parts) {
      const placed = new Path2D();
      placed.addPath(path, placing);
      draft.line(placed, own ? OWN : OTHER, [], own ? 3 : 2);
    }
  }
}
