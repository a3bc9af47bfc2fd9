/**
 * Everything that can be done with a key: one table for the keyboard, for buttons and for the help
 * sheet. What a tool does with its own keys (Esc, Enter, Backspace) is in the tool.
 */

import { deleteObject, setField } from "../core/gestures.js";
import { judge } from "./judge.js";
import { isEditable } from "./store.js";
import { VERDICTS } from "./words.js";

/** @typedef {import("./page.js").Page} Page */

/**
 * @typedef {object} Action
 * @property {string} name
 * @property {string} label
 * @property {string} group heading on the help sheet.
 * @property {string[]} keys the first one is told.
 * @property {(page: Page) => unknown} run
 * @property {(page: Page) => boolean} [able]
 * @property {boolean} [repeats] while the key is held.
 */

const SIZES = { least: 1, most: 1000 };

/** @param {Page} page */
const editable = (page) => isEditable(page.store.state);
/** @param {Page} page */
const hasItem = (page) => page.store.state.item !== null;
/** @param {Page} page */
const hasImage = (page) => page.store.state.sample !== null;

/** @type {Action[]} */
const TOOLS = [
  ["select", "Select", "v"],
  ["pan", "Move the image", "h"],
  ["brush", "Brush", "b"],
  ["eraser", "Eraser", "e"],
  ["polygon", "Polygon", "p"],
].map(([name = "", label = "", key = ""]) => ({
  name,
  label,
  group: "Tools",
  keys: [key],
  run: (page) => page.take(name),
}));

/** @type {Action[]} */
const CLASSES = Array.from("1234567890", (key, i) => ({
  name: `class-${key}`,
  label: `Class ${i + 1}`,
  group: "",
  keys: [key],
  run: (page) => {
    const { project } = page.store.state;
    const offered = (project?.taxonomy.categories ?? []).filter((one) => !one.retired);
    const category = offered[i];
    if (category) chooseCategory(page, category.key);
  },
}));

/** @type {Action[]} */
const JUDGEMENTS = Object.entries(VERDICTS).map(([verdict, { key, label }]) => ({
  name: verdict,
  label,
  group: "Review",
  keys: [key],
  able: (page) => hasItem(page) && editable(page),
  run: (page) => decide(page, /** @type {any} */ (verdict)),
}));

/** @type {readonly Action[]} */
export const ACTIONS = [
  ...TOOLS,
  {
    name: "smaller", label: "Smaller brush", group: "Tools", keys: ["["], repeats: true,
    run: (page) => resizeBrush(page, -1),
  },
  {
    name: "larger", label: "Larger brush", group: "Tools", keys: ["]"], repeats: true,
    run: (page) => resizeBrush(page, 1),
  },
  {
    name: "exclusive", label: "No overlap: take pixels from neighbours", group: "Tools",
    keys: ["o"],
    run: ({ store }) => store.set({ exclusive: !store.state.exclusive }),
  },
  {
    name: "undo", label: "Undo", group: "Edit", keys: ["Ctrl+Z"], able: editable, repeats: true,
    run: (page) => page.history.undo(),
  },
  {
    name: "redo", label: "Redo", group: "Edit", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], able: editable,
    repeats: true, run: (page) => page.history.redo(),
  },
  {
    name: "new", label: "Begin a new object", group: "Edit", keys: ["n", "Escape"],
    run: ({ store }) => store.set({ selected: null }),
  },
  {
    name: "delete", label: "Delete the selected object", group: "Edit",
    keys: ["Delete", "Backspace"],
    able: (page) => editable(page) && page.store.state.selected !== null,
    run: (page) => removeObject(page, page.store.state.selected),
  },
  {
    name: "following", label: "Select the next object", group: "Edit", keys: ["q"], repeats: true,
    run: (page) => page.stepObject(1),
  },
  {
    name: "preceding", label: "Select the object before", group: "Edit", keys: ["Shift+Q"],
    repeats: true, run: (page) => page.stepObject(-1),
  },
  ...CLASSES,
  {
    name: "done", label: "Done, or not done", group: "Images", keys: ["d"], able: editable,
    run: (page) => toggleDone(page),
  },
  {
    name: "next", label: "Next image or region", group: "Images", keys: [".", "PageDown"],
    repeats: true, run: (page) => advance(page, 1),
  },
  {
    name: "previous", label: "Previous image or region", group: "Images", keys: [",", "PageUp"],
    repeats: true, run: (page) => advance(page, -1),
  },
  ...JUDGEMENTS,
  {
    name: "fit", label: "Show the whole image", group: "View", keys: ["f"], able: hasImage,
    run: ({ view }) => view.fit(),
  },
  {
    name: "actual", label: "One pixel is one pixel", group: "View", keys: ["g"], able: hasImage,
    run: ({ view }) => view.actual(),
  },
  {
    name: "region", label: "Back to the region or object", group: "View", keys: ["r"],
    run: (page) => page.reveal(),
  },
  {
    name: "in", label: "Zoom in", group: "View", keys: ["+", "="], able: hasImage, repeats: true,
    run: ({ view }) => view.zoom(1.25),
  },
  {
    name: "out", label: "Zoom out", group: "View", keys: ["-"], able: hasImage, repeats: true,
    run: ({ view }) => view.zoom(0.8),
  },
  {
    name: "masks", label: "Hide or show the masks", group: "View", keys: ["m"],
    run: (page) => page.toggleMasks(),
  },
  {
    name: "browse", label: "Images and review", group: "View", keys: ["l"],
    run: (page) => page.togglePanel("browse"),
  },
  {
    name: "inspect", label: "Classes, objects and layers", group: "View", keys: ["i"],
    run: (page) => page.togglePanel("inspect"),
  },
  { name: "find", label: "Find images", group: "Images", keys: ["/"], run: (page) => page.find() },
  { name: "help", label: "All keys", group: "View", keys: ["?"], run: (page) => page.help() },
];

/** @param {string} name @returns {Action} */
export function action(name) {
  const found = ACTIONS.find((one) => one.name === name);
  if (!found) throw new Error(`no action is called ${name}`);
  return found;
}

/** @param {Page} page @param {number} by */
function resizeBrush({ store }, by) {
  const { size } = store.state;
  const step = size < 10 ? 1 : size < 40 ? 2 : Math.round(size / 10);
  store.set({ size: Math.min(SIZES.most, Math.max(SIZES.least, size + by * step)) });
}

/**
 * Choose a class to draw with, and give it to the selected object.
 *
 * @param {Page} page @param {string} key
 */
export function chooseCategory(page, key) {
  const { store, opened } = page;
  const { selected } = store.state;
  store.set({ category: key });
  const { document } = opened;
  if (!selected || !document?.objects.has(selected) || !editable(page)) return;
  if (document.form === "rows") opened.change("category", [setField(document, selected, "category", key)]);
}

/** @param {Page} page @param {string | null} uid */
export function removeObject({ opened, store }, uid) {
  const { document } = opened;
  if (!uid || document?.form !== "rows" || !document.objects.has(uid)) return;
  opened.change("delete", [deleteObject(uid)]);
  store.set({ selected: null });
}

/** @param {Page} page */
function toggleDone(page) {
  const { document } = page.opened;
  if (!document) return;
  const done = document.value("", "state") === "done";
  page.opened.change("state", [setField(document, "", "state", done ? "doing" : "done")]);
  if (!done) page.tell("Done. Press . for the next image.");
}

/** @param {Page} page @param {import("./judge.js").Verdict} verdict */
export async function decide(page, verdict) {
  if (judge(page, verdict) && verdict) await advance(page, 1);
}

/** @param {Page} page @param {number} by */
async function advance(page, by) {
  const regions = page.store.state.tab === "review";
  const moved = await (regions ? page.stepItem(by) : page.step(by));
  const what = regions ? "region" : "image";
  if (!moved) page.tell(by > 0 ? `This was the last ${what}.` : `This is the first ${what}.`);
}

