/**
 * The layers on the stage: for each its document, its look, and which object lies on top where.
 * The edited layer is the document that is open (opened.js), with the gesture under way and the
 * selection; the others are loaded to be compared with it.
 */

import { box as maskBox, fromTiles } from "../core/bits.js";
import { Document } from "../core/document.js";
import { tileKey, tilePlace } from "../core/codec.js";
import { api } from "./api.js";
import { styleFor } from "./shade.js";
import { stamp, stampBits } from "./stamp.js";
import { categoryOf, shownLayers } from "./store.js";

/** @typedef {import("./stamp.js").Cells} Cells */
/** @typedef {import("./shade.js").Style} Style */
/** @typedef {import("./store.js").Overlay} Overlay */

const TILE = 256;

export class Layers {
  /**
   * @param {import("./store.js").Store} store
   * @param {import("./compositor.js").Compositor} compositor
   * @param {import("./opened.js").Opened} opened
   */
  constructor(store, compositor, opened) {
    this.store = store;
    this.compositor = compositor;
    this.opened = opened;
    /** @type {import("./draft.js").Draft | null} */
    this.draft = null;
    /** @type {Map<string, Document>} of the layers that are only compared. */
    this.others = new Map();
    this.hidden = false;
    /** @type {(layer: string) => Set<string> | null} objects from which the others are faint. */
    this.concerned = () => null;
    /** @type {Map<string, Style>} */
    this.styles = new Map();
    /** @type {Map<string, number>} of the layers in `others`, when they were loaded. */
    this.sequences = new Map();
    /** @type {unknown} by which things are drawn now. */
    this.taxonomy = null;
    store.watch(["overlays", "layer"], () => this.restyle());
    store.watch(["project"], ({ project }) => {
      // News of the project are mostly counts; only its classes change how things look.
      if (project?.taxonomy !== this.taxonomy) this.restyle();
      this.taxonomy = project?.taxonomy;
      void this.refresh();
    });
    store.watch(["selected"], ({ selected }) => this.mark(selected));
    /** @type {string | null} */
    this.marked = null;
    opened.changed = (effect) => this.show(effect);
  }

  /** The document of a layer, if it is loaded. @param {string} layer */
  documentOf(layer) {
    return layer === this.store.state.layer
      ? this.opened.document
      : (this.others.get(layer) ?? null);
  }

  /** Load what is shown and not loaded; forget what is of another sample. */
  async loadOthers() {
    const { sample, layer: edited } = this.store.state;
    if (!sample) return;
    for (const { layer } of shownLayers(this.store.state)) {
      if (layer === edited || this.others.has(layer)) continue;
      const found = await api.document(sample.id, layer);
      if (this.store.state.sample?.id !== sample.id) return;
      this.others.set(layer, new Document(found));
      this.sequences.set(layer, this.sequenceOf(layer));
      this.restyle();
    }
  }

  /** @param {string} layer @returns {number} number of its last change in the project. */
  sequenceOf(layer) {
    const { project } = this.store.state;
    return project?.layers.find((one) => one.name === layer)?.sequence ?? 0;
  }

  /** Load again the compared layers that somebody changed. */
  async refresh() {
    for (const layer of [...this.others.keys()]) {
      if (this.sequences.get(layer) !== this.sequenceOf(layer)) this.others.delete(layer);
    }
    // Without an answer it is tried again at the next news of the project.
    await this.loadOthers().catch(() => {});
  }

  /** Another sample is opened. */
  clear() {
    this.others.clear();
    this.draft = null;
    this.restyle();
  }

  /** Draw all layers as they are set now. */
  restyle() {
    const shown = this.hidden ? [] : shownLayers(this.store.state);
    this.styles.clear();
    this.compositor.masks.layers = shown.map((overlay) => ({
      stamp: (cells) => this.stampLayer(cells, overlay),
    }));
    this.compositor.repaint();
  }

  /** @param {import("../core/document.js").Effect | null} effect */
  show(effect) {
    this.store.set({ edited: this.store.state.edited + 1 });
    if (!effect) this.compositor.repaint();
    else this.repaintTiles(effect.tiles);
  }

  /** @param {Iterable<string>} keys of tiles whose masks look different. */
  repaintTiles(keys) {
    for (const key of keys) {
      const [tx, ty] = tilePlace(key);
      const [x0, y0] = [tx * TILE, ty * TILE];
      this.compositor.repaint({ x0, y0, x1: x0 + TILE, y1: y0 + TILE });
    }
  }

  /** Whether a layer is drawn now. @param {string} layer */
  shows(layer) {
    return !this.hidden && shownLayers(this.store.state).some((one) => one.layer === layer);
  }

  /**
   * The tight box of an object.
   *
   * @param {Document | null} document @param {string} uid
   * @returns {import("./view.js").Box | null}
   */
  boxOf(document, uid) {
    const item = document?.objects.get(uid);
    return item ? maskBox(fromTiles(item.tiles)) : null;
  }

  /** Draw an object as selected, the one before not. @param {string | null} uid */
  mark(uid) {
    const before = this.marked;
    this.marked = uid;
    for (const one of [before, uid]) {
      const item = one ? this.opened.document?.objects.get(one) : null;
      if (item) this.repaintTiles(item.tiles.keys());
    }
  }

  /** @param {Cells} cells @param {Overlay} overlay @returns {Style[]} */
  stampLayer(cells, overlay) {
    const edited = overlay.layer === this.store.state.layer;
    const document = this.documentOf(overlay.layer);
    /** @type {Style[]} */
    const styles = [/** @type {any} */ (null)];
    if (!document) return styles;
    const draft = edited ? this.draft : null;
    const there = objectsIn(cells, document, draft);
    const selected = edited ? this.marked : null;
    const concerned = this.concerned(overlay.layer);
    const order = document.inOrder(there.keys());
    if (draft?.fresh && there.has(draft.fresh.uid)) toFront(order, draft.fresh.uid);
    if (selected && there.has(selected)) toFront(order, selected);
    for (const uid of order) {
      const fresh = draft?.fresh?.uid === uid;
      const item = document.objects.get(uid);
      const category = fresh ? (draft?.fresh?.category ?? null) : (item?.category ?? null);
      const marked = document.form === "rows" && (fresh || uid === selected);
      const faint = concerned !== null && !marked && !concerned.has(uid);
      const id = styles.push(this.styleOf(category, overlay, { edited, marked, faint })) - 1;
      for (const key of there.get(uid) ?? []) {
        const tile = draft ? draft.tile(uid, key) : item?.tiles.get(key);
        const [tx, ty] = tilePlace(key);
        if (tile instanceof Uint32Array) stampBits(cells, tile, tx, ty, id);
        else if (tile) stamp(cells, tile, tx, ty, id);
      }
    }
    return styles;
  }

  /**
   * @param {string | null} category @param {Overlay} overlay
   * @param {{edited: boolean, marked: boolean, faint: boolean}} how
   * @returns {Style}
   */
  styleOf(category, { layer, opacity, fill }, { edited, marked, faint }) {
    const name = `${layer}\n${category}\n${marked}\n${faint}`;
    const known = this.styles.get(name);
    if (known) return known;
    const { color, void: empty } = categoryOf(this.store.state, category);
    const look = { opacity, fill, dashed: !edited, hatched: empty, selected: marked, faint };
    const style = styleFor(color, look);
    this.styles.set(name, style);
    return style;
  }
}

/**
 * The objects with a tile in the window, and which.
 *
 * @param {Cells} cells @param {Document} document
 * @param {import("./draft.js").Draft | null} draft
 * @returns {Map<string, string[]>}
 */
function objectsIn(cells, document, draft) {
  const { left, top, columns, rows, level } = cells;
  /** @type {Map<string, string[]>} */
  const there = new Map();
  /** @param {string} uid @param {string} key */
  const add = (uid, key) => {
    const keys = there.get(uid);
    if (keys) keys.push(key);
    else there.set(uid, [key]);
  };
  const [height, width] = document.size;
  const last = {
    x: Math.min(width, (left + columns) << level) - 1,
    y: Math.min(height, (top + rows) << level) - 1,
  };
  for (let tx = Math.max(0, (left << level) >> 8); tx <= last.x >> 8; tx++) {
    for (let ty = Math.max(0, (top << level) >> 8); ty <= last.y >> 8; ty++) {
      const key = tileKey(tx, ty);
      const known = document.index.get(key);
      for (const uid of known ?? []) add(uid, key);
      for (const [uid, tiles] of draft?.masks ?? []) {
        if (tiles.has(key) && !known?.has(uid)) add(uid, key);
      }
    }
  }
  return there;
}

/** @param {string[]} order @param {string} uid */
function toFront(order, uid) {
  const at = order.indexOf(uid);
  if (at >= 0) order.splice(at, 1);
  order.push(uid);
}
