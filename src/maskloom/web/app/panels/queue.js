/**
 * The review queue: regions where two layers disagree, worst first. Choosing one opens its image,
 * frames the region and shows the card on which it is judged (panels/verdict.js).
 */

import { api } from "../api.js";
import { element, fill, swatch } from "../dom.js";
import { Pages } from "../pages.js";
import { categoryOf } from "../store.js";
import { VirtualList } from "../virtual.js";
import { KINDS, VERDICTS } from "../words.js";

/** @typedef {import("../types.js").ReviewItem} ReviewItem */
/** @typedef {import("../page.js").Page} Page */

/**
 * @param {Page} page
 * @returns {HTMLElement}
 */
export function createQueue(page) {
  const { store } = page;
  const choice = element("select", { class: "field full", "aria-label": "Review" });
  const open = element("input", { type: "checkbox", id: "open-only", checked: true });
  const blank = element("div", { class: "blank", hidden: true });
  const rows = new Pages(
    async (offset, limit, signal) => {
      const { review } = store.state;
      if (!review) return { total: 0, rows: [] };
      const given = { offset, limit, open: open.checked };
      const { total, items } = await api.reviewItems(review, given, signal);
      return { total, rows: items };
    },
    () => {
      list.resize(rows.total);
      const none = rows.known && rows.total === 0;
      blank.hidden = !none;
      if (none) fill(blank, ...nothing(store.state.review !== null, open.checked));
      markOpen();
    },
    (index) => list.refresh(index),
  );
  const list = new VirtualList({
    label: "Regions to review",
    height: 60,
    draw: (row, index) => drawItem(row, rows.get(index), page),
    choose: (index) => {
      const item = rows.get(index);
      if (item) goToItem(page, item);
    },
    seen: (first, last) => rows.need(first, last),
  });
  const markOpen = () => {
    const { item } = store.state;
    const index = item ? rows.find((one) => one.id === item.id) : -1;
    if (index !== list.active) list.activate(index);
  };
  choice.addEventListener("change", () => store.set({ review: Number(choice.value), item: null }));
  open.addEventListener("change", () => rows.restart());
  store.watch(["review"], () => void rows.restart());
  store.watch(["review", "reviews"], () => drawChoice(page, choice));
  store.watch(["item"], ({ item }) => {
    const index = item ? rows.find((one) => one.id === item.id) : -1;
    if (item && index >= 0) rows.replace(index, item);
    markOpen();
  });
  page.stepItem = async (by) => {
    const index = list.active < 0 ? 0 : list.active + by;
    if (index < 0 || index >= rows.total) return false;
    const item = await rows.load(index);
    if (item) goToItem(page, item);
    return Boolean(item);
  };
  return element(
    "div",
    { class: "page", id: "review", role: "tabpanel", "aria-labelledby": "tab-review" },
    element(
      "div",
      { class: "filters" },
      choice,
      element("label", { class: "check full" }, open, "only what is still open"),
    ),
    blank,
    list.root,
  );
}

/** @param {Page} page @param {ReviewItem} item */
export function goToItem(page, item) {
  const { review } = page.store.state;
  if (review) page.goTo({ review, item: item.id });
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

/** @param {Page} page @param {HTMLSelectElement} choice */
function drawChoice({ store }, choice) {
  const { reviews, review } = store.state;
  fill(
    choice,
    ...reviews.map(({ id, truth, predicted }) =>
      element("option", { value: id }, `${predicted} against ${truth}`.replaceAll(/#\d+/g, "")),
    ),
  );
  choice.hidden = reviews.length === 0;
  if (review !== null) choice.value = String(review);
}

/** @param {boolean} chosen @param {boolean} openOnly @returns {Node[]} */
function nothing(chosen, openOnly) {
  if (chosen && openOnly) {
    return [element("strong", {}, "All regions are judged"), new Text("Train again or export now.")];
  }
  return [
    element("strong", {}, "No review yet"),
    new Text("Compare labels with a prediction to see the worst regions first:"),
    element("code", {}, "maskloom review PROJECT PROJECT::model/NAME"),
  ];
}
