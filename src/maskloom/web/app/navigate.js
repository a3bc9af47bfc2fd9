/**
 * Opening what an address names: an image in a layer, or a region of a review with its image, the
 * compared layer over it and the region in view. Addresses themselves are route.js.
 */

import { api, Problem } from "./api.js";
import { place } from "./dom.js";
import { predictedLayer, truthLayer } from "./judge.js";
import { change } from "./panels/layers.js";
import { formatRoute, isNamed, parseRoute } from "./route.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./route.js").Route} Route */
/** @typedef {import("./types.js").ReviewItem} ReviewItem */

/** A region is not magnified further than this. */
const CLOSEST = 8;
/** How much of its surroundings is shown with a region, as a share of its longer side. */
const AROUND = 0.35;
/** ms until an image that the server did not give is asked for again. */
const RETRY = 2000;
/** CSS px by which a margin beside the tools may be narrower. */
const GAP = 12;
/** CSS px of the line of help and the zoom at the bottom. */
const FOOT = 40;

export class Navigator {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.turn = 0;
    page.view.measure = () => this.uncover();
    window.addEventListener("hashchange", () => {
      // A link that lets one in, opened in this tab: only the fragment is new, nothing was loaded.
      if (location.hash.startsWith("#token=")) location.reload();
      else void this.follow(parseRoute(location.hash));
    });
  }

  /** @param {Route} route */
  goTo(route) {
    const hash = formatRoute(route);
    // A key may come before the browser tells of the new address.
    if (isNamed(route)) this.leave(route);
    if (location.hash === hash) void this.follow(route);
    else location.hash = hash;
  }

  /** Until it is there, a verdict would fall on the region before. @param {Route} route */
  leave(route) {
    const { store } = this.page;
    const there = store.state.item !== null && store.state.item.id === route.item;
    store.set({ going: there ? null : route });
  }

  /** @param {Route} route */
  async follow(route) {
    // Fragments of other kinds must not stop what is being opened.
    if (!isNamed(route)) return;
    const turn = ++this.turn;
    const { store } = this.page;
    this.leave(route);
    const { project } = store.state;
    if (route.in && project && !project.id.startsWith(route.in)) {
      store.set({ phase: "failed", going: null, item: null });
      return this.page.fail(
        "This address is of another project",
        `What is served here is ${project.name}. Stop this server, start maskloom label with the ` +
          "other project, and open the address again.",
      );
    }
    try {
      if (route.review !== undefined) await this.openRegion(route, turn);
      else if (route.sample !== undefined) {
        store.set({ item: null });
        await this.openSample(route.sample, route.layer ?? "main", turn);
        if (route.over && turn === this.turn) change(this.page, route.over, { shown: true });
      }
      if (turn === this.turn) store.set({ going: null });
    } catch (error) {
      if (turn !== this.turn) return;
      if (error instanceof Problem && error.transient) {
        setTimeout(() => turn === this.turn && void this.follow(route), RETRY);
      } else store.set({ going: null, item: null });
      store.set({ phase: "failed" });
      if (error instanceof Problem && error.status === 404) {
        const what = route.review === undefined ? "image" : route.item ? "region" : "review";
        const list = what === "image" ? "an image" : "a region";
        return this.page.fail(
          `There is no such ${what} in this project`,
          `The address ${location.hash} may be old, or of another project. Choose ${list} on the left.`,
        );
      }
      const text = error instanceof Error ? error.message : String(error);
      this.page.fail("The image could not be opened", text);
    }
  }

  /** @param {Route} route @param {number} turn */
  async openRegion({ review = 0, item: id }, turn) {
    const { store } = this.page;
    if (!store.state.reviews.some((one) => one.id === review)) {
      store.set({ reviews: (await api.reviews()).reviews });
    }
    const item = id
      ? await api.reviewItem(id)
      : (await api.reviewItems(review, { offset: 0, limit: 1, open: true })).items[0];
    if (turn !== this.turn) return;
    store.set({ review, tab: "review" });
    if (!item) return;
    const told = store.state.reviews.find((one) => one.id === review);
    await this.openSample(item.sample_id, truthLayer(told), turn);
    if (turn !== this.turn) return;
    const layer = predictedLayer(told);
    if (layer && store.state.project?.layers.some((one) => one.name === layer)) {
      change(this.page, layer, { shown: true });
    }
    store.set({ item, selected: this.objectOf(item) });
    this.reveal();
  }

  /** The object of the labels that a region is about. @param {ReviewItem} item */
  objectOf(item) {
    const { document } = this.page.opened;
    return document?.form === "rows" && document.objects.has(item.object ?? "")
      ? item.object
      : null;
  }

  /** @param {number} id @param {string} layer @param {number} turn */
  async openSample(id, layer, turn) {
    const { store, view, opened, layers, history } = this.page;
    if (store.state.sample?.id === id && store.state.layer === layer && opened.document) {
      return store.set({ phase: "ready" });
    }
    const same = store.state.sample?.id === id;
    this.page.tool.cancel();
    opened.close();
    store.set({ phase: "loading", selected: null });
    const sample = await api.sample(id, layer);
    if (turn !== this.turn) return;
    if (sample.height === null || sample.width === null) throw new Error("Its size is not known.");
    store.set({ sample, layer });
    if (!same) {
      layers.clear();
      view.open(sample.width, sample.height);
      void this.page.showing.open(sample);
    } else layers.others.delete(layer);
    if (!(await opened.open(id, layer)) || turn !== this.turn) return;
    store.set({ phase: "ready" });
    const told = (/** @type {Error} */ error) => this.page.tell(error.message);
    void history.load(store.state.session?.author ?? "").catch(told);
    void layers.loadOthers().catch(told);
  }

  /**
   * Bring the region in review, or the selected object, into view.
   *
   * @param {boolean} [gently] only if it is not in view.
   */
  reveal(gently = false) {
    const { store, view, opened, layers } = this.page;
    const { item, selected } = store.state;
    const box = selected && (gently || !item) ? layers.boxOf(opened.document, selected) : item;
    if (box) this.revealBox(box, gently ? view.scale : CLOSEST, gently);
  }

  /**
   * @param {import("./view.js").Box} box px of the image.
   * @param {number} most largest scale.
   * @param {boolean} gently only if it is not in view.
   */
  revealBox(box, most, gently) {
    const { view } = this.page;
    this.uncover();
    if (gently && view.shows(box)) return;
    const grow = Math.max(box.x1 - box.x0, box.y1 - box.y0) * AROUND;
    // What lies beyond the image's edge would only make the region small.
    const wide = {
      x0: Math.max(Math.min(box.x0, 0), box.x0 - grow),
      y0: Math.max(Math.min(box.y0, 0), box.y0 - grow),
      x1: Math.min(Math.max(box.x1, view.imageWidth), box.x1 + grow),
      y1: Math.min(Math.max(box.y1, view.imageHeight), box.y1 + grow),
    };
    view.frame(wide, most);
  }

  /** Leave room for the tools and the card that lie over the stage. */
  uncover() {
    const { view } = this.page;
    const stage = place("stage").getBoundingClientRect();
    const card = place("card").getBoundingClientRect();
    const rail = place("rail").getBoundingClientRect();
    view.inset.left = Math.max(0, rail.right - stage.left - GAP);
    const beside = card.height > 0 && card.top < stage.top + stage.height / 3;
    view.inset.right = beside ? stage.right - card.left : 0;
    view.inset.bottom = card.height > 0 && !beside ? stage.bottom - card.top : FOOT;
  }
}
