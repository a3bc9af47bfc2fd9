/**
 * Pan and select. Both move the image when dragged; select also picks the object under a click,
 * and again the one behind it.
 */

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../page.js").Tool} Tool */
/** @typedef {import("../view.js").Point} Point */

/** A click may tremble by this many CSS px. */
const STILL = 4;

/** @param {Page} page @returns {Tool} */
export function createPan(page) {
  return createMover(page, {
    name: "pan",
    label: "Move the image",
    cursor: "pan",
    hint: () => "Drag to move the image. The wheel zooms.",
  });
}

/** @param {Page} page @returns {Tool} */
export function createSelect(page) {
  return createMover(page, {
    name: "select",
    label: "Select",
    cursor: "default",
    hint: () =>
      page.opened.document?.form === "map"
        ? "Click to choose the class under the pointer. Drag to move the image."
        : "Click an object to select it. Drag to move the image.",
    click: (at) => selectAt(page, at),
  });
}

/**
 * @param {Page} page
 * @param {{name: string, label: string, cursor: string, hint: () => string,
 *   click?: (at: Point) => void}} kind
 * @returns {Tool}
 */
function createMover(page, { name, label, cursor, hint, click }) {
  /** @type {Point | null} CSS px where the pointer went down. */
  let start = null;
  /** @type {Point} */
  let last = { x: 0, y: 0 };
  let moved = false;
  return {
    name,
    label,
    cursor,
    edits: false,
    hint,
    down: (_at, event) => {
      start = last = { x: event.clientX, y: event.clientY };
      moved = false;
    },
    move: (_points, event) => {
      if (!start) return;
      moved ||= Math.hypot(event.clientX - start.x, event.clientY - start.y) > STILL;
      if (moved) page.view.panBy(event.clientX - last.x, event.clientY - last.y);
      if (moved) last = { x: event.clientX, y: event.clientY };
    },
    up: (at) => {
      if (start && !moved) click?.(at);
      start = null;
    },
    cancel: () => {
      start = null;
    },
  };
}

/** @param {Page} page @param {Point} at */
function selectAt(page, at) {
  const { document } = page.opened;
  if (!document) return;
  const there = document.at(Math.floor(at.x), Math.floor(at.y));
  if (document.form === "map") {
    const [uid] = there;
    if (uid) page.store.set({ category: uid });
    return;
  }
  const behind = there.indexOf(page.store.state.selected ?? "") + 1;
  page.store.set({ selected: there[behind % there.length] ?? null, made: null });
}
