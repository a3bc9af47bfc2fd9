/**
 * The objects of the open document, however many: choose, find by class, delete. In a map there
 * are no objects, so the areas of the classes are listed instead.
 */

import { AREA, runsToToggles } from "../../core/codec.js";
import { removeObject } from "../edits.js";
import { button, element, fill, swatch } from "../dom.js";
import { categoryOf, isEditable } from "../store.js";
import { VirtualList } from "../virtual.js";
import { counted } from "../words.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../../core/items.js").Item} Item */

/** More objects than this can be filtered. */
const MANY = 20;
/** ms; drawing follows a few frames later, so that a stroke is seen first. */
const LATER = 60;

/** @param {Page} page @returns {HTMLElement} */
export function createObjects(page) {
  return new Objects(page).root;
}

class Objects {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    /** @type {Item[]} */
    this.items = [];
    /** @type {Map<string, number>} what objects are called by, next to their class. */
    this.numbers = new Map();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.title = element("span", {}, "Objects");
    this.number = element("span", { class: "count" });
    this.blank = element("div", { class: "blank", hidden: true });
    this.search = element("input", {
      class: "field",
      type: "search",
      placeholder: "Find by class",
      "aria-label": "Find objects by class",
      oninput: () => this.draw(),
    });
    this.finding = element("div", { class: "adding", hidden: true }, this.search);
    this.list = new VirtualList({
      label: "Objects",
      height: 36,
      draw: (row, index) => this.drawRow(row, this.items[index]),
      choose: (index) => this.choose(this.items[index]),
    });
    this.root = element(
      "section",
      { class: "section grows", "aria-label": "Objects" },
      element("header", {}, element("h2", {}, this.title, this.number)),
      this.finding,
      this.blank,
      this.list.root,
    );
    this.connect();
  }

  connect() {
    const { store } = this.page;
    store.watch(["edited", "project", "sample", "layer", "phase"], () => {
      this.timer ??= setTimeout(() => this.draw(), LATER);
    });
    store.watch(["selected"], () => this.list.activate(this.selected()));
    this.page.stepObject = (by) => {
      const { length } = this.items;
      this.choose(this.items[(this.selected() + by + length) % Math.max(1, length)]);
    };
  }

  /** @returns {number} index of the selected object, or -1. */
  selected() {
    return this.items.findIndex((one) => one.uid === this.page.store.state.selected);
  }

  draw() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { opened, store } = this.page;
    const { document } = opened;
    const map = document?.form === "map";
    const all = document?.objects.size ?? 0;
    this.items = document ? this.listed(document) : [];
    this.title.textContent = map ? "Classes in this image" : "Objects";
    this.number.textContent = map || !all ? "" : all.toLocaleString();
    this.finding.hidden = map || all <= MANY;
    this.blank.hidden = this.items.length > 0 || !document;
    if (!this.blank.hidden) fill(this.blank, ...nothing(store.state, map));
    this.list.active = this.selected();
    this.list.resize(this.items.length);
  }

  /**
   * Front first, as one sees them.
   *
   * @param {import("../../core/document.js").Document} document
   * @returns {Item[]}
   */
  listed(document) {
    const uids = document.inOrder(document.objects.keys()).reverse();
    const items = uids.map((uid) => document.held(uid));
    if (document.form === "map") return items.filter((item) => item.tiles.size > 0);
    this.numbers = numbersOf(document);
    const wanted = this.search.value.trim().toLowerCase();
    if (!wanted) return items;
    return items.filter((item) => this.nameOf(item).toLowerCase().includes(wanted));
  }

  /** Class and, of an object, number in the image. @param {Item} item @returns {string} */
  nameOf({ uid, category }) {
    const { name } = categoryOf(this.page.store.state, category);
    const number = this.numbers.get(uid);
    return number ? `${name} ${number}` : name;
  }

  /** @param {HTMLElement} row @param {Item | undefined} item */
  drawRow(row, item) {
    if (!item) return;
    const { page } = this;
    const { store, opened } = page;
    const { color } = categoryOf(store.state, item.category);
    const name = this.nameOf(item);
    const fixed = opened.document?.form === "map" || !isEditable(store.state);
    const about = [item.origin, item.crowd ? "crowd" : null, item.geometry ? "polygon" : null];
    row.title = [name, item.uid, ...about].filter(Boolean).join(" · ");
    fill(
      row,
      swatch(color),
      element("span", { class: "lines clip" }, name),
      element("span", { class: "mark" }, item.score === null ? areaOf(item) : item.score.toFixed(2)),
      fixed ? null : button("trash", `Delete ${name}`, () => removeObject(page, item.uid)),
    );
  }

  /** @param {Item | undefined} item */
  choose(item) {
    if (!item) return;
    if (this.page.opened.document?.form === "map") {
      this.page.store.set({ category: item.uid });
    } else {
      this.page.store.set({ selected: item.uid, made: null });
      this.page.reveal(true);
    }
  }
}

/**
 * Numbers by the order in which objects came into the image: rows of the import, then those that
 * people made. What was deleted keeps its number, so that no other one gets it.
 *
 * @param {import("../../core/document.js").Document} document
 * @returns {Map<string, number>} none in a map.
 */
function numbersOf(document) {
  const numbers = new Map();
  if (document.form === "map") return numbers;
  let last = 0;
  for (const { uid, row } of [...document.objects.values(), ...document.deleted.values()]) {
    if (row === null) continue;
    numbers.set(uid, row + 1);
    last = Math.max(last, row + 1);
  }
  for (const uid of document.created) if (!numbers.has(uid)) numbers.set(uid, ++last);
  return numbers;
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
    for (let j = 0; j < toggles.length; j += 2) {
      area += (toggles[j + 1] ?? AREA) - (toggles[j] ?? 0);
    }
  }
  return area;
}

/** @param {import("../store.js").State} state @param {boolean} map @returns {Node[]} */
function nothing(state, map) {
  if (!isEditable(state)) return [new Text("Nothing is labelled here.")];
  const drawing = map
    ? "Choose a class, then paint with the brush (B)."
    : "Choose a class, then draw with the brush (B) or the polygon (P).";
  return [element("strong", {}, map ? "Nothing painted yet" : "No objects yet"), new Text(drawing)];
}
