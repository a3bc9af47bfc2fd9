/**
 * The images of the project: filter by text and state, scroll through all of them, open one.
 * Rows are fetched in pages as they come into view; see virtual.js for the scrolling.
 */

import { api, thumbnailAddress } from "../api.js";
import { element, fill } from "../dom.js";
import { Pages } from "../pages.js";
import { VirtualList } from "../virtual.js";
import { counted } from "../words.js";

/** @typedef {import("../types.js").Sample} Sample */
/** @typedef {import("../page.js").Page} Page */

const STATES = { todo: "to do", doing: "begun", done: "done" };

/**
 * @param {Page} page
 * @returns {HTMLElement}
 */
export function createImages(page) {
  const search = element("input", {
    class: "field",
    id: "search",
    type: "search",
    placeholder: "Find by name",
    "aria-label": "Find images by name",
    autocomplete: "off",
    spellcheck: "false",
  });
  const state = element(
    "select",
    { class: "field", "aria-label": "Show images that are" },
    element("option", { value: "" }, "all"),
    ...Object.entries(STATES).map(([value, text]) => element("option", { value }, text)),
  );
  const progress = createProgress(page);
  const blank = element("div", { class: "blank", hidden: true });
  const rows = new Pages(
    async (offset, limit, signal) => {
      const { layer } = page.store.state;
      const given = { offset, limit, search: search.value, state: state.value, layer };
      const { total, samples } = await api.samples(given, signal);
      return { total, rows: samples };
    },
    () => {
      list.resize(rows.total);
      const none = rows.known && rows.total === 0;
      blank.hidden = !none;
      if (none) fill(blank, ...nothing(search.value !== "" || state.value !== ""));
      markOpen();
    },
    (index) => list.refresh(index),
  );
  const list = new VirtualList({
    label: "Images",
    height: 52,
    draw: (row, index) => drawSample(row, rows.get(index), thingsOf(page)),
    choose: (index) => {
      const sample = rows.get(index);
      if (sample) page.goTo({ sample: sample.id });
    },
    seen: (first, last) => rows.need(first, last),
  });
  /** The open image is the active row. */
  const markOpen = () => {
    const open = page.store.state.sample;
    const index = open ? rows.find((one) => one.id === open.id) : -1;
    if (index !== list.active) list.activate(index);
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => rows.restart(), 150);
  });
  state.addEventListener("change", () => rows.restart());
  page.store.watch(["layer"], () => rows.restart());
  page.store.watch(["sample"], ({ sample }) => {
    const index = sample ? rows.find((one) => one.id === sample.id) : -1;
    if (sample && index >= 0) rows.replace(index, sample);
    markOpen();
  });
  page.step = async (by) => {
    const start = list.active < 0 ? (by > 0 ? -1 : 0) : list.active;
    const index = start + by;
    if (index < 0 || index >= rows.total) return false;
    const sample = await rows.load(index);
    if (!sample) return false;
    page.goTo({ sample: sample.id });
    list.activate(index);
    return true;
  };
  return element(
    "div",
    { class: "page", id: "images", role: "tabpanel", "aria-labelledby": "tab-images" },
    element("div", { class: "filters" }, search, state),
    progress,
    blank,
    list.root,
  );
}

/** What the edited layer counts. @param {Page} page @returns {string} */
function thingsOf({ store }) {
  const { project, layer } = store.state;
  return project?.layers.find((one) => one.name === layer)?.form === "map" ? "class" : "object";
}

/** @param {HTMLElement} row @param {Sample | undefined} sample @param {string} thing */
function drawSample(row, sample, thing) {
  if (!sample) {
    fill(row, element("span", { class: "thumb" }), element("span", { class: "lines" }, "…"));
    return;
  }
  const slash = sample.key.lastIndexOf("/");
  const folder = slash > 0 ? `${sample.key.slice(0, slash)} · ` : "";
  const count = counted(sample.objects, thing, thing === "class" ? "classes" : "objects");
  row.title = sample.key;
  const picture = element("img", {
    class: "thumb",
    alt: "",
    loading: "lazy",
    decoding: "async",
    src: thumbnailAddress(sample.id),
    onerror: () => picture.replaceWith(element("span", { class: "thumb" })),
  });
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

/** @param {boolean} filtered @returns {Node[]} */
function nothing(filtered) {
  if (filtered) {
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
