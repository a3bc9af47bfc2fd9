/**
 * The review queue: regions where two layers disagree, worst first. Choosing one opens its image,
 * frames the region and shows the card on which it is judged (panels/cards.js).
 */

import { api } from "../api.js";
import { Current } from "../current.js";
import { element, fill, swatch } from "../dom.js";
import { Pages } from "../pages.js";
import { categoryOf } from "../store.js";
import { VirtualList } from "../virtual.js";
import { counted, dayOf, KINDS, shortLayer, timeOf, VERDICTS } from "../words.js";

/** @typedef {import("../types.js").ReviewItem} ReviewItem */
/** @typedef {import("../types.js").Review} Review */
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
    this.kept = element(
      "p",
      { class: "kept full", hidden: true },
      "What was closed since keeps its place. ",
      element("button", { type: "button", class: "link", onclick: () => this.restart() }, "Leave it out"),
    );
    this.blank = element("div", { class: "blank", hidden: true });
    /** @type {Pages<ReviewItem>} */
    this.rows = new Pages(
      (question, signal) => this.ask(question, signal),
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
    this.current = new Current(this.rows, this.list, () => {
      const { item, review } = page.store.state;
      return item?.review_id === review ? item.id : null;
    });
    this.root = element(
      "div",
      { class: "page", id: "review", role: "tabpanel", "aria-labelledby": "tab-review" },
      element(
        "div",
        { class: "filters" },
        this.choice,
        element("label", { class: "check full" }, this.open, "only what is still open"),
        this.kept,
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
    this.open.addEventListener("change", () => this.restart());
    store.watch(["review"], () => this.restart());
    store.watch(["review", "reviews"], () => this.drawChoice());
    store.watch(["item"], ({ item }) => {
      const index = item ? this.rows.find(item.id) : -1;
      if (item && index >= 0) this.rows.replace(index, item);
      // Rows must not move while one works through them; so it is said why they are still there.
      if (index >= 0 && this.open.checked && isClosed(item)) this.kept.hidden = false;
      this.current.mark();
    });
    this.page.stepItem = (by) => this.step(by);
  }

  /** Make the list anew: what was judged since the last time leaves a list of open regions. */
  restart() {
    this.kept.hidden = true;
    this.list.activate(-1);
    void this.rows.restart();
  }

  /** @param {import("../pages.js").Question} question @param {AbortSignal} signal */
  async ask(question, signal) {
    const { review } = this.page.store.state;
    if (!review) return { total: 0, rows: [], sequence: 0 };
    const given = { ...question, open: this.open.checked };
    const { items, ...told } = await api.reviewItems(review, given, signal);
    return { ...told, rows: items };
  }

  resize() {
    this.list.resize(this.rows.total);
    this.blank.hidden = !this.rows.known || this.rows.total > 0;
    const chosen = this.page.store.state.review !== null;
    if (!this.blank.hidden) fill(this.blank, ...nothing(chosen, this.open.checked));
    this.current.mark();
  }

  /** @param {number} index */
  choose(index) {
    const item = this.rows.get(index);
    const { review } = this.page.store.state;
    if (item && review) this.page.goTo({ review, item: item.id });
  }

  /** Open the next region, or one before. @param {number} by @returns {Promise<boolean>} */
  async step(by) {
    const found = await this.current.beside(by);
    if (!found) return false;
    if (found.row) this.choose(found.index);
    else this.page.tell("The list did not come from the server. Try again.");
    return true;
  }

  drawChoice() {
    const { reviews, review } = this.page.store.state;
    fill(
      this.choice,
      ...reviews.map((one) => element("option", { value: one.id }, shortName(one))),
    );
    const chosen = reviews.find((one) => one.id === review);
    this.choice.title = chosen ? longName(chosen) : "";
    this.choice.hidden = reviews.length === 0;
    if (review !== null) this.choice.value = String(review);
  }
}

/** What tells a review from the others. @param {Review} review @returns {string} */
function shortName({ id, created, truth, predicted }) {
  const what = predicted
    ? `${shortLayer(predicted)} / ${shortLayer(truth)}`
    : `split of a class in ${shortLayer(truth)}`;
  return `${id} · ${dayOf(created)} · ${what}`;
}

/** @param {Review} review @returns {string} */
function longName({ id, created, truth, predicted, items }) {
  const what = predicted ? `${predicted} against ${truth}` : `a class of ${truth} was split`;
  return `Review ${id}, ${timeOf(created)}: ${what}; ${counted(items, "region")}`;
}

/** Whether nothing is left to do; who is not sure leaves it to others. @param {ReviewItem | null} item */
function isClosed(item) {
  return Boolean(item?.verdict) && item?.verdict !== "unsure";
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
  row.classList.toggle("closed", isClosed(item));
  // What a split leaves is not more or less severe.
  const severity = item.kind === "split" ? "" : `${Math.round(100 * item.score)}`;
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
      ? element("span", { class: `mark ${isClosed(item) ? "done" : ""}` }, verdict.past)
      : element("span", { class: "mark", title: "Severity" }, severity),
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
