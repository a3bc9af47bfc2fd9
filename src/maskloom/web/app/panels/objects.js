/**
 * The objects of the open document, however many: choose, find by class, delete. In a map there
 * are no objects, so the areas of the classes are listed instead.
 */

import { AREA, runsToToggles } from "../../core/codec.js";
import { removeObject } from "../actions.js";
import { button, element, fill, swatch } from "../dom.js";
import { categoryOf, isEditable } from "../store.js";
import { VirtualList } from "../virtual.js";
import { counted } from "../words.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../../core/items.js").Item} Item */

/** @param {Page} page @returns {HTMLElement} */
export function createObjects(page) {
  const { store } = page;
  const number = element("span", { class: "count" });
  const title = element("span", {}, "Objects");
  const blank = element("div", { class: "blank", hidden: true });
  const search = element("input", {
    class: "field",
    type: "search",
    placeholder: "Find by class",
    "aria-label": "Find objects by class",
  });
  const finding = element("div", { class: "adding", hidden: true }, search);
  /** @type {Item[]} */
  let items = [];
  const list = new VirtualList({
    label: "Objects",
    height: 36,
    draw: (row, index) => {
      const item = items[index];
      if (item) drawItem(row, item, page);
    },
    choose: (index) => {
      const item = items[index];
      if (item) choose(page, item);
    },
  });
  let waiting = false;
  const draw = () => {
    waiting = false;
    const { document } = page.opened;
    items = document ? listed(page, document, search.value.trim().toLowerCase()) : [];
    const map = document?.form === "map";
    const all = document?.objects.size ?? 0;
    title.textContent = map ? "Classes in this image" : "Objects";
    number.textContent = map || !all ? "" : all.toLocaleString();
    finding.hidden = map || all <= 20;
    blank.hidden = items.length > 0 || !document;
    if (!blank.hidden) fill(blank, ...nothing(store.state, Boolean(map)));
    list.active = items.findIndex((one) => one.uid === store.state.selected);
    list.resize(items.length);
  };
  // Drawing follows a frame later, so that a stroke is seen first.
  const soon = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(draw, 60);
  };
  search.addEventListener("input", draw);
  store.watch(["edited", "project", "sample", "layer", "phase"], soon);
  store.watch(["selected"], ({ selected }) => {
    list.activate(items.findIndex((one) => one.uid === selected));
  });
  page.stepObject = (by) => {
    const at = items.findIndex((one) => one.uid === store.state.selected);
    const next = items[(at + by + items.length) % Math.max(1, items.length)];
    if (next) choose(page, next);
  };
  return element(
    "section",
    { class: "section grows", "aria-label": "Objects" },
    element("header", {}, element("h2", {}, title, number)),
    finding,
    blank,
    list.root,
  );
}

/**
 * Front first, as one sees them.
 *
 * @param {Page} page @param {import("../../core/document.js").Document} document
 * @param {string} wanted
 * @returns {Item[]}
 */
function listed(page, document, wanted) {
  const items = document.inOrder(document.objects.keys()).reverse().map((uid) => document.held(uid));
  if (document.form === "map") return items.filter((item) => item.tiles.size > 0);
  if (!wanted) return items;
  return items.filter((item) =>
    categoryOf(page.store.state, item.category).name.toLowerCase().includes(wanted),
  );
}

/** @param {Page} page @param {Item} item */
function choose(page, item) {
  if (page.opened.document?.form === "map") return page.store.set({ category: item.uid });
  page.store.set({ selected: item.uid });
  page.reveal(true);
}

/** @param {HTMLElement} row @param {Item} item @param {Page} page */
function drawItem(row, item, page) {
  const { store } = page;
  const category = categoryOf(store.state, item.category);
  const map = page.opened.document?.form === "map";
  const about = [item.origin, item.crowd ? "crowd" : null, item.geometry ? "polygon" : null];
  row.title = [category.name, item.uid, ...about].filter(Boolean).join(" · ");
  fill(
    row,
    swatch(category.color),
    element("span", { class: "lines clip" }, category.name),
    element("span", { class: "mark" }, item.score === null ? areaOf(item) : item.score.toFixed(2)),
    map || !isEditable(store.state)
      ? null
      : button("trash", `Delete ${category.name}`, () => removeObject(page, item.uid)),
  );
}

/** @type {WeakMap<Item, number>} items are never changed in place. */
const areas = new WeakMap();

/** @param {Item} item @returns {string} */
function areaOf(item) {
  const known = areas.get(item) ?? countPixels(item);
  areas.set(item, known);
  return counted(known, "px", "px");
}

/** @param {Item} item @returns {number} */
function countPixels({ tiles }) {
  let area = 0;
  for (const runs of tiles.values()) {
    const toggles = runsToToggles(runs);
    for (let j = 0; j < toggles.length; j += 2) area += (toggles[j + 1] ?? AREA) - (toggles[j] ?? 0);
  }
  return area;
}

/** @param {import("../store.js").State} state @param {boolean} map @returns {Node[]} */
function nothing(state, map) {
  if (!isEditable(state)) return [new Text("Nothing is labelled here.")];
  if (map) return [element("strong", {}, "Nothing painted yet"), new Text("Choose a class, then paint with the brush (B).")];
  return [
    element("strong", {}, "No objects yet"),
    new Text("Choose a class, then draw with the brush (B) or the polygon (P)."),
  ];
}
