/**
 * The images of the project: filter by text and state, scroll through all of them, open one.
 * Rows are fetched in pages as they come into view; see virtual.js for the scrolling.
 */

import { api, thumbnailAddress } from "../api.js";
import { Current } from "../current.js";
import { element, fill } from "../dom.js";
import { Pages } from "../pages.js";
import { Thumbnails } from "../thumbnails.js";
import { VirtualList } from "../virtual.js";
import { counted } from "../words.js";

/** @typedef {import("../types.js").Sample} Sample */
/** @typedef {import("../page.js").Page} Page */

const STATES = { todo: "to do", doing: "begun", done: "done" };
/** ms after the last letter typed. */
const TYPING = 150;

/** @param {Page} page @returns {HTMLElement} */
export function createImages(page) {
  return new Images(page).root;
}

class Images {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.search = createSearch();
    this.state = createStates();
    this.blank = element("div", { class: "blank", hidden: true });
    /** @type {Pages<Sample>} */
    this.rows = new Pages(
      (question, signal) => this.ask(question, signal),
      () => this.resize(),
      (index) => this.list.refresh(index),
    );
    this.thumbnails = new Thumbnails(page.store);
    this.list = new VirtualList({
      label: "Images",
      height: 52,
      draw: (row, index) => this.drawRow(row, this.rows.get(index)),
      choose: (index) => this.choose(index),
      seen: (first, last) => this.rows.need(first, last),
    });
    const open = () => page.store.state.sample?.id ?? null;
    this.current = new Current(this.rows, this.list, open);
    this.root = element(
      "div",
      { class: "page", id: "images", role: "tabpanel", "aria-labelledby": "tab-images" },
      element("div", { class: "filters" }, this.search, this.state),
      createProgress(page),
      this.blank,
      this.list.root,
    );
    this.connect();
  }

  connect() {
    const { store } = this.page;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    this.search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.restart(), TYPING);
    });
    this.state.addEventListener("change", () => this.restart());
    store.watch(["layer"], () => this.restart());
    store.watch(["sample"], ({ sample }) => {
      const index = sample ? this.rows.find(sample.id) : -1;
      if (sample && index >= 0) this.rows.replace(index, sample);
      this.current.mark();
    });
    this.page.step = (by) => this.step(by);
  }

  /** Make the list anew: what got another state since the last time leaves a list of one. */
  restart() {
    this.list.activate(-1);
    void this.rows.restart();
  }

  /** @param {import("../pages.js").Question} question @param {AbortSignal} signal */
  async ask(question, signal) {
    const { layer } = this.page.store.state;
    const given = { ...question, search: this.search.value, state: this.state.value, layer };
    const { samples, ...told } = await api.samples(given, signal);
    return { ...told, rows: samples };
  }

  resize() {
    this.list.resize(this.rows.total);
    this.blank.hidden = !this.rows.known || this.rows.total > 0;
    if (!this.blank.hidden) fill(this.blank, ...nothing(this.search.value + this.state.value));
    this.current.mark();
  }

  /** @param {HTMLElement} row @param {Sample | undefined} sample */
  drawRow(row, sample) {
    if (sample) {
      const picture = this.thumbnails.make(thumbnailAddress(sample.id));
      return drawSample(row, sample, picture, thingsOf(this.page));
    }
    fill(row, element("span", { class: "thumb" }), element("span", { class: "lines" }, "…"));
  }

  /** @param {number} index */
  choose(index) {
    const sample = this.rows.get(index);
    if (sample) this.page.goTo({ ...this.page.here(), sample: sample.id });
  }

  /** Open the next image, or one before. @param {number} by @returns {Promise<boolean>} */
  async step(by) {
    const found = await this.current.beside(by);
    if (!found) return false;
    if (found.row) {
      this.choose(found.index);
      this.list.activate(found.index);
    } else this.page.tell("The list did not come from the server. Try again.");
    return true;
  }
}

/** @returns {HTMLInputElement} */
function createSearch() {
  return element("input", {
    class: "field",
    id: "search",
    type: "search",
    placeholder: "Find by name",
    "aria-label": "Find images by name",
    autocomplete: "off",
    spellcheck: "false",
  });
}

/** @returns {HTMLSelectElement} */
function createStates() {
  return element(
    "select",
    { class: "field", "aria-label": "Show images that are" },
    element("option", { value: "" }, "all"),
    ...Object.entries(STATES).map(([value, text]) => element("option", { value }, text)),
  );
}

/** What the edited layer counts. @param {Page} page @returns {string} */
function thingsOf({ store }) {
  const { project, layer } = store.state;
  return project?.layers.find((one) => one.name === layer)?.form === "map" ? "class" : "object";
}

/**
 * @param {HTMLElement} row @param {Sample} sample
 * @param {HTMLElement} picture @param {string} thing that is counted.
 */
function drawSample(row, sample, picture, thing) {
  const slash = sample.key.lastIndexOf("/");
  const folder = slash > 0 ? `${sample.key.slice(0, slash)} · ` : "";
  const count = counted(sample.objects, thing, thing === "class" ? "classes" : "objects");
  row.title = sample.key;
  fill(
    row,
    picture,
    element(
      "span",
      { class: "lines" },
      element("span", { class: "clip" }, sample.key.slice(slash + 1)),
      element("small", { class: "clip" }, `${folder}${count}`),
    ),
    sample.state === "todo"
      ? null
      : element("span", { class: `mark ${sample.state}` }, STATES[sample.state]),
  );
}

/** @param {string} filter @returns {Node[]} */
function nothing(filter) {
  if (filter) {
    return [element("strong", {}, "Nothing matches"), new Text("Clear the filter to see all.")];
  }
  return [
    element("strong", {}, "No images yet"),
    new Text("Bring in a folder of images, with or without labels:"),
    element("code", {}, "maskloom import FOLDER PROJECT"),
  ];
}

/** @param {Page} page @returns {HTMLElement} */
function createProgress(page) {
  const bar = element("span");
  const text = element("span");
  const root = element(
    "div",
    { class: "progress" },
    element("div", { class: "track", "aria-hidden": "true" }, bar),
    text,
  );
  page.store.watch(["project"], ({ project }) => {
    const { todo = 0, doing = 0, done = 0 } = project?.counts ?? {};
    const all = todo + doing + done;
    bar.style.width = `${all ? (100 * done) / all : 0}%`;
    text.textContent = `${done.toLocaleString()} of ${all.toLocaleString()} done`;
    root.hidden = all === 0;
  });
  return root;
}
