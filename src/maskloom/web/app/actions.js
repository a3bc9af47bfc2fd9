/**
 * Everything that can be done with a key: one table for the keyboard, for buttons and for the help
 * sheet. What a tool does with its own keys (Esc, Enter, Backspace) is in the tool, what is done to
 * labels in edits.js.
 */

import {
  advance,
  beginObject,
  choosePlace,
  decide,
  removeObject,
  resizeBrush,
  toggleDone,
} from "./edits.js";
import { isEditable } from "./store.js";
import { VERDICTS } from "./words.js";

/** @typedef {import("./page.js").Page} Page */

/**
 * @typedef {object} Action
 * @property {string} group heading on the help sheet; none there if empty.
 * @property {string} name
 * @property {string} label
 * @property {string[]} keys the first one is told.
 * @property {(page: Page) => unknown} run
 * @property {(page: Page) => boolean} [able]
 * @property {boolean} [repeats] while the key is held.
 */

/**
 * @param {string} group @param {string} name @param {string} label @param {string} keys by blanks.
 * @param {(page: Page) => unknown} run @param {Partial<Action>} [more]
 * @returns {Action}
 */
function act(group, name, label, keys, run, more = {}) {
  return { group, name, label, keys: keys.split(" "), run, ...more };
}

/** @param {Page} page */
const editable = ({ store }) => isEditable(store.state);
/** @param {Page} page */
const judging = (page) => page.store.state.item !== null && editable(page);
/** @param {Page} page */
const seen = ({ store }) => store.state.sample !== null;
const held = { repeats: true };

const TOOLS = [
  act("Tools", "select", "Select", "v", (page) => page.take("select")),
  act("Tools", "pan", "Move the image", "h", (page) => page.take("pan")),
  act("Tools", "brush", "Brush", "b", (page) => page.take("brush")),
  act("Tools", "eraser", "Eraser", "e", (page) => page.take("eraser")),
  act("Tools", "polygon", "Polygon", "p", (page) => page.take("polygon")),
  act("Tools", "smaller", "Smaller brush", "[", (page) => resizeBrush(page, -1), held),
  act("Tools", "larger", "Larger brush", "]", (page) => resizeBrush(page, 1), held),
  act("Tools", "exclusive", "No overlap: take pixels from neighbours", "o", ({ store }) =>
    store.set({ exclusive: !store.state.exclusive }),
  ),
];

const EDIT = [
  act("Edit", "undo", "Undo", "Ctrl+Z", (page) => page.trail.undo(), { able: editable, ...held }),
  act("Edit", "redo", "Redo", "Ctrl+Shift+Z Ctrl+Y", (page) => page.trail.redo(), {
    able: editable,
    ...held,
  }),
  act("Edit", "new", "Begin a new object", "n", beginObject),
  act("", "let-go", "Let go of the object", "Escape", ({ store }) => store.set({ selected: null })),
  act("Edit", "delete", "Delete the selected object", "Delete Backspace", (page) =>
    removeObject(page, page.store.state.selected),
  ),
  act("Edit", "following", "Select the next object", "q", (page) => page.stepObject(1), held),
  act(
    "Edit",
    "preceding",
    "Select the object before",
    "Shift+Q",
    (page) => page.stepObject(-1),
    held,
  ),
];

const CLASSES = Array.from("1234567890", (key, place) =>
  act("", `class-${key}`, `Class ${place + 1}`, key, (page) => choosePlace(page, place)),
);

const IMAGES = [
  act("Images", "done", "Done, or not done", "d", toggleDone),
  act("Images", "next", "Next image or region", ". PageDown", (page) => advance(page, 1), held),
  act(
    "Images",
    "previous",
    "Previous image or region",
    ", PageUp",
    (page) => advance(page, -1),
    held,
  ),
  act("Images", "find", "Find images", "/", (page) => page.find()),
];

const REVIEW = Object.entries(VERDICTS).map(([verdict, { key, label }]) =>
  act("Review", verdict, label, key, (page) => decide(page, /** @type {any} */ (verdict)), {
    able: judging,
  }),
);

const VIEW = [
  act("View", "fit", "Show the whole image", "f", ({ view }) => view.fit(), { able: seen }),
  act("View", "actual", "One pixel is one pixel", "g", ({ view }) => view.actual(), { able: seen }),
  act("View", "region", "Back to the region or object", "r", (page) => page.reveal()),
  act("View", "in", "Zoom in", "+ =", ({ view }) => view.zoom(1.25), { able: seen, ...held }),
  act("View", "out", "Zoom out", "-", ({ view }) => view.zoom(0.8), { able: seen, ...held }),
  act("View", "masks", "Hide or show the masks", "m", (page) => page.toggleMasks()),
  act("View", "browse", "Images and review", "l", (page) => page.togglePanel("browse")),
  act("View", "inspect", "Classes, objects and layers", "i", (page) => page.togglePanel("inspect")),
  act("View", "help", "All keys", "?", (page) => page.help()),
];

/** @type {readonly Action[]} */
export const ACTIONS = [...TOOLS, ...EDIT, ...CLASSES, ...IMAGES, ...REVIEW, ...VIEW];

/** @param {string} name @returns {Action} */
export function action(name) {
  const found = ACTIONS.find((one) => one.name === name);
  if (!found) throw new Error(`no action is called ${name}`);
  return found;
}

/** Actions by heading, for the help sheet. @returns {Map<string, Action[]>} */
export function actionsByGroup() {
  /** @type {Map<string, Action[]>} */
  const groups = new Map();
  for (const one of ACTIONS) {
    if (one.group) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  }
  return groups;
}
