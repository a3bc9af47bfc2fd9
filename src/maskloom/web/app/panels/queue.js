/**
 * The review queue: regions where two layers disagree, worst first. Choosing one opens its image,
 * frames the region and shows the card on which it is judged (panels/cards.js).
 */

import { api } from "../api.js";
import { element, fill, swatch } from "../dom.js";
import { Pages } from "../pages.js";
import { categoryOf } from "../store.js";
import { VirtualList } from "../virtual.js";
import { KINDS, VERDICTS } from "../words.js";

/** @typedef {import("../types.js").ReviewItem} ReviewItem */
/** @typedef {import("../page.js").Page} Page */

/** @param {Page} page @returns {HTMLElement} */
export function createQueue(page) {
  return new Queue(page).root;
}

class Queue {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.choice = element("select", { class: "field full", "aria-label": "Review" });
    this.open = element("input", { type: "checkbox", checked: true });
    this.blank = element("div", { class: "blank", hidden: true });
    /** @type {Pages<ReviewItem>} */
    this.rows = new Pages(
      (offset, limit, signal) => this.ask(offset, limit, signal),
      () => this.resize(),
      (index) => this.list.refresh(index),
    );
    this.list = new VirtualList({
      label: "Regions to review",
      height: 60,
      draw: (row, index) => drawItem(row, this.rows.get(index), page),
      choose: (index) => this.choose(index),
      seen: (first, last) => this.rows.need(first, last),
    });
    this.root = element(
      "div",
      { class: "page", id: "review", role: "tabpanel", "aria-labelledby": "tab-review" },
      element(
        "div",
        { class: "filters" },
        this.choice,
        element("label", { class: "check full" }, this.open, "only what is still open"),
      ),
      this.blank,
      this.list.root,
    );
    this.connect();
  }

  connect() {
    const { store } = this.page;
    this.choice.addEventListener("change", () => {
      store.set({ review: Number(this.choice.value), item: null });
    });
    this.open.addEventListener("change", () => void this.rows.restart());
    store.watch(["review"], () => void this.rows.restart());
    store.watch(["review", "reviews"], () => this.drawChoice());
    store.watch(["item"], ({ item }) => {
      const index = item ? this.rows.find((one) => one.id === item.id) : -1;
      if (item && index >= 0) this.rows.replace(index, item);
      this.mark();
    });
    this.page.stepItem = (by) => this.step(by);
  }

  /** @param {number} offset @param {number} limit @param {AbortSignal} signal */
  async ask(offset, limit, signal) {
    const { review } = this.page.store.state;
    if (!review) return { total: 0, rows: [] };
    const given = { offset, limit, open: this.open.checked };
    const { total, items } = await api.reviewItems(review, given, signal);
    return { total, rows: items };
  }

  resize() {
    this.list.resize(this.rows.total);
    this.blank.hidden = !this.rows.known || this.rows.total > 0;
    const chosen = this.page.store.state.review !== null;
    if (!this.blank.hidden) fill(this.blank, ...nothing(chosen, this.open.checked));
    this.mark();
  }

  /** The region that is judged is the active row. */
  mark() {
    const { item } = this.page.store.state;
    const index = item ? this.rows.find((one) => one.id === item.id) : -1;
    if (index !== this.list.active) this.list.activate(index);
  }

  /** @param {number} index */
  choose(index) {
    const item = this.rows.get(index);
    const { review } = this.page.store.state;
    if (item && review) this.page.goTo({ review, item: item.id });
  }

  /** Open the next region, or one before. @param {number} by @returns {Promise<boolean>} */
  async step(by) {
    const index = this.list.active < 0 ? 0 : this.list.active + by;
    if (index < 0 || index >= this.rows.total || !(await this.rows.load(index))) return false;
    this.choose(index);
    return true;
  }

  drawChoice() {
    const { reviews, review } = this.page.store.state;
    fill(
      this.choice,
      ...reviews.map(({ id, truth, predicted }) => {
        const text = `${predicted} against ${truth}`.replaceAll(/#\d+/g, "");
        return element("option", { value: id }, text);
      }),
    );
    this.choice.hidden = reviews.length === 0;
    if (review !== null) this.choice.value = String(review);
  }
}

/** @param {HTMLElement} row @param {ReviewItem | undefined} item @param {Page} page */
function drawItem(row, item, page) {
  if (!item) {
    fill(row, element("span", { class: "lines" }, "…"));
    return;
  }
  const category = categoryOf(page.store.state, item.category);
  const verdict = VERDICTS[item.verdict ?? ""];
  row.title = item.reason;
  fill(
    row,
    swatch(category.color),
    element(
      "span",
      { class: "lines" },
      element("span", { class: "clip" }, `${KINDS[item.kind] ?? item.kind}: ${category.name}`),
      element("small", { class: "clip" }, item.reason),
    ),
    verdict
      ? element("span", { class: "mark done" }, verdict.past)
      : element("span", { class: "mark", title: "Severity" }, `${Math.round(100 * item.score)}`),
  );
}

/** @param {boolean} chosen @param {boolean} openOnly @returns {Node[]} */
function nothing(chosen, openOnly) {
  if (chosen && openOnly) {
    return [
      element("strong", {}, "All regions are judged"),
      new Text("Train again or export now."),
    ];
  }
  return [
    element("strong", {}, "No review yet"),
    new Text("Compare labels with a prediction to see the worst regions first:"),
    element("code", {}, "maskloom review PROJECT PROJECT::model/NAME"),
  ];
}
