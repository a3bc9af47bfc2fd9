/**
 * Brush and eraser. The brush adds to the object that was chosen, or begins a new one of the chosen
 * class; what it made itself it goes on with only where a stroke touches it, so that cells that are
 * brushed one by one stay apart. In a map it paints the class. The eraser takes from the selected object, or from the one
 * under the pointer; in a map it leaves no class.
 */

import { newUid } from "../../core/operations.js";
import { categoryOf, isEditable, whyFixed } from "../store.js";
import { Stroke } from "./stroke.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../page.js").Tool} Tool */
/** @typedef {import("../view.js").Point} Point */
/** @typedef {import("./stroke.js").Aim} Aim */

/** @param {Page} page @returns {Tool} */
export function createBrush(page) {
  // An object that was let go of and is selected again was chosen.
  page.store.watch(["selected"], ({ selected, made }) => {
    if (made !== null && made !== selected) page.store.set({ made: null });
  });
  return createStrokes(page, { name: "brush", label: "Brush", aim: aimBrush, hint: brushHint });
}

/** @param {Page} page @returns {Tool} */
export function createEraser(page) {
  return createStrokes(page, { name: "eraser", label: "Eraser", aim: aimEraser, hint: eraserHint });
}

/**
 * @param {Page} page
 * @param {{name: string, label: string, aim: (page: Page, at: Point) => Aim | null,
 *   hint: (page: Page) => string}} kind
 * @returns {Tool}
 */
function createStrokes(page, { name, label, aim, hint }) {
  /** @type {Stroke | null} */
  let stroke = null;
  const cancel = () => {
    stroke?.end();
    stroke = null;
  };
  return {
    name,
    label,
    cursor: "none",
    edits: true,
    hint: () => hint(page),
    ring: () => page.store.state.size,
    down: (at) => {
      const { state } = page.store;
      if (!isEditable(state)) return page.tell(whyFixed(state));
      if (!page.opened.document) return;
      const found = aim(page, at);
      if (!found) return;
      stroke = new Stroke(page, found, page.store.state.size);
      stroke.extend([at]);
    },
    move: (points) => stroke?.extend(points),
    up: (at) => {
      const done = stroke;
      stroke = null;
      if (!done) return;
      done.extend([at]);
      const uid = done.finish(name);
      const { document } = page.opened;
      if (uid && document?.form === "rows" && document.objects.has(uid)) {
        const { made } = page.store.state;
        const fresh = name === "brush" && (uid === made || uid === done.fresh);
        page.store.set({ selected: uid, made: fresh ? uid : null });
      }
    },
    cancel,
    key: (key) => {
      if (key !== "Escape" || !stroke) return false;
      cancel();
      return true;
    },
  };
}

/** @param {Page} page @returns {Aim | null} */
function aimBrush(page) {
  const { store, opened } = page;
  const { category, selected, made, exclusive } = store.state;
  const item = selected ? opened.document?.objects.get(selected) : null;
  if (opened.document?.form === "map") {
    if (category && opened.document.objects.has(category)) {
      return { uid: category, category: null, way: "add", exclusive: true };
    }
  } else if (item && selected === made) {
    // Beside it, one more of its class.
    const { uid: joins, category: own } = item;
    return { uid: newUid(), category: own ?? "", way: "add", exclusive, joins };
  } else if (item) {
    return { uid: item.uid, category: null, way: "add", exclusive };
  } else if (category) return { uid: newUid(), category, way: "add", exclusive };
  page.tell("Choose a class first, on the right.");
  return null;
}

/** @param {Page} page @param {Point} at @returns {Aim | null} */
function aimEraser(page, at) {
  const { document } = page.opened;
  if (document?.form === "map") return { uid: "", category: null, way: "remove", exclusive: true };
  const { selected } = page.store.state;
  const chosen = selected && document?.objects.has(selected) ? selected : null;
  const uid = chosen ?? document?.topAt(Math.floor(at.x), Math.floor(at.y)) ?? null;
  if (uid) return { uid, category: null, way: "remove", exclusive: false };
  page.tell("There is no object here to erase from.");
  return null;
}

/** @param {Page} page @returns {string} */
function brushHint({ store, opened }) {
  const { category, selected, made } = store.state;
  if (opened.document?.form === "map") {
    return category ? "Drag to paint this class. It replaces what was there." : "Choose a class.";
  }
  const item = selected ? opened.document?.objects.get(selected) : null;
  if (item) {
    const { name } = categoryOf(store.state, item.category);
    if (selected === made) return `Drag beside it: one more ${name}. Touch it: add to it.`;
    return `Drag to add to the selected ${name}. N begins a new object.`;
  }
  return category ? "Drag to paint a new object. [ and ] change the size." : "Choose a class.";
}

/** @param {Page} page @returns {string} */
function eraserHint({ store, opened }) {
  if (opened.document?.form === "map") return "Drag to take the class away.";
  const { selected } = store.state;
  return selected && opened.document?.objects.has(selected)
    ? "Drag to erase from the selected object. Esc lets go of it."
    : "Drag on an object to erase from it.";
}
