/**
 * What floats over the image: the tools on the left, the options of the one in hand beside them,
 * and at the bottom one line of help, the zoom and where the pointer is.
 */

import { action } from "../actions.js";
import { button, element, fill, swatch } from "../dom.js";
import { categoryOf, drawsNew, isEditable, whyFixed } from "../store.js";
import { writtenKey } from "../shortcuts.js";

/** @typedef {import("../page.js").Page} Page */

/** @param {Page} page @param {HTMLElement} root */
export function createRail(page, root) {
  const names = ["select", "pan", "brush", "eraser", "polygon"];
  const buttons = new Map(
    names.map((name) => {
      const { label, keys } = action(name);
      return [name, button(name, label, () => page.take(name), { key: writtenKey(keys[0] ?? "") })];
    }),
  );
  const overlap = button(
    "overlap",
    "No overlap: take pixels from neighbours",
    () => void action("exclusive").run(page),
    { key: "O" },
  );
  fill(root, ...buttons.values(), element("div", { class: "split" }), overlap);
  page.store.watch(["tool"], ({ tool }) => {
    for (const [name, one] of buttons) one.setAttribute("aria-pressed", String(name === tool));
  });
  page.store.watch(["exclusive"], ({ exclusive }) => {
    overlap.setAttribute("aria-pressed", String(exclusive));
  });
  page.store.watch(["sample", "layer", "session", "project", "phase", "edited"], (state) => {
    const able = isEditable(state);
    for (const [name, one] of buttons) {
      one.disabled = !state.sample || (!able && page.tools[name]?.edits === true);
    }
    root.hidden = !state.sample;
    overlap.hidden = page.opened.document?.form === "map";
    overlap.disabled = !able;
  });
}

/** @param {Page} page @param {HTMLElement} root */
export function createOptions(page, root) {
  const { store } = page;
  const size = createSize(page);
  const modes = createModes(page);
  const what = element("span", { class: "what" });
  const fresh = button("plus", "New object", () => store.set({ selected: null }), {
    key: "N",
    text: true,
    class: "outlined",
  });
  const remove = button("trash", "Delete the object", () => void action("delete").run(page), {
    key: "Del",
  });
  const draw = () => {
    const { tool, selected, category, sample } = store.state;
    const { document } = page.opened;
    const item = selected ? document?.objects.get(selected) : null;
    const drawn = tool === "brush" || tool === "polygon";
    const paints = drawn || tool === "eraser";
    root.hidden = !sample || !isEditable(store.state) || (!paints && !item);
    const key = item && !drawsNew(store.state) ? item.category : category;
    const shown = categoryOf(store.state, key);
    fill(
      what,
      drawn || item ? swatch(shown.color) : null,
      element("span", { class: "clip" }, shownText(page, tool, Boolean(item), shown.name)),
    );
    fill(
      root,
      what,
      tool === "brush" || tool === "eraser" ? size : null,
      tool === "polygon" ? modes : null,
      item && tool !== "polygon" ? fresh : null,
      item ? remove : null,
    );
  };
  store.watch(["tool", "selected", "made", "category", "edited", "sample"], draw);
  store.watch(["layer", "session", "project", "mode"], draw);
}

/** @param {Page} page @param {string} tool @param {boolean} chosen @param {string} name */
function shownText({ store, opened }, tool, chosen, name) {
  if (opened.document?.form === "map") return tool === "eraser" ? "No class" : name;
  if (tool === "eraser") return chosen ? `From the selected ${name}` : "From the object you touch";
  const goesOn = chosen && store.state.made !== store.state.selected;
  if (tool === "brush" && goesOn) return `Add to ${name}`;
  if (tool === "brush" || drawsNew(store.state))
    return store.state.category ? `New ${name}` : "No class";
  return name;
}

/** @param {Page} page @returns {HTMLElement} */
function createSize({ store }) {
  // The slider runs over powers, so that small sizes are as easy to set as large ones.
  const slider = element("input", {
    type: "range",
    min: "0",
    max: "100",
    "aria-label": "Brush size",
    oninput: () =>
      store.set({ size: Math.max(1, Math.round(10 ** ((Number(slider.value) / 100) * 3))) }),
  });
  const text = element("output");
  store.watch(["size"], ({ size }) => {
    const place = Math.round((Math.log10(size) / 3) * 100);
    if (document.activeElement !== slider) slider.value = String(place);
    slider.setAttribute("aria-valuetext", `${size} px`);
    text.textContent = `${size} px`;
  });
  return element("label", {}, element("span", { class: "wide" }, "Size"), slider, text);
}

/** @param {Page} page @returns {HTMLElement} */
function createModes({ store }) {
  const modes = /** @type {const} */ ([
    ["new", "New object"],
    ["add", "Add part"],
    ["cut", "Cut hole"],
  ]);
  const buttons = modes.map(([mode, label]) =>
    button("", label, () => store.set({ mode }), { text: true }),
  );
  store.watch(["mode"], (state) => {
    modes.forEach(([mode], i) => {
      buttons[i]?.setAttribute("aria-pressed", String(state.mode === mode));
    });
  });
  return element(
    "span",
    { class: "segments", role: "group", "aria-label": "What the polygon does" },
    ...buttons,
  );
}

/**
 * @param {Page} page
 * @param {HTMLElement} root
 * @returns {{draw: () => void, at: (point: import("../view.js").Point | null) => void}}
 */
export function createFoot(page, root) {
  const hint = element("div", { class: "hint" });
  const scale = element("output", { "aria-label": "Zoom" });
  const at = element("span", { class: "at", "aria-hidden": "true" });
  const tools = ["out", "in", "fit"].map((name) => {
    const { label, keys, run } = action(name);
    const drawing = { out: "minus", in: "plus", fit: "fit" }[name] ?? "";
    return button(drawing, label, () => void run(page), { key: writtenKey(keys[0] ?? "") });
  });
  const actual = button("", "1:1", () => void action("actual").run(page), { key: "G", text: true });
  const [out, into, fit] = tools;
  const zoom = element(
    "div",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    at,
    out,
    scale,
    into,
    actual,
    fit,
  );
  fill(root, hint, zoom);
  page.store.watch(["sample"], ({ sample }) => {
    root.hidden = !sample;
  });
  return {
    draw: () => {
      const percent = page.view.scale * 100;
      scale.textContent = `${percent >= 10 ? Math.round(percent) : percent.toFixed(1)} %`;
      const { state } = page.store;
      const fixed = page.tool.edits && state.sample && !isEditable(state);
      const text = fixed ? whyFixed(state) : page.tool.hint();
      if (hint.textContent !== text) hint.textContent = text;
    },
    at: (point) => {
      const { imageWidth, imageHeight } = page.view;
      const inside =
        point && point.x >= 0 && point.y >= 0 && point.x < imageWidth && point.y < imageHeight;
      at.textContent = inside ? `${Math.floor(point.x)}, ${Math.floor(point.y)}` : "";
    },
  };
}
