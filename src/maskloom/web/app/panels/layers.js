/**
 * The layers: which one is edited, which are shown, and how strongly. A layer is what one person,
 * group or model says about the images.
 */

import { brokenName, button, element, fill } from "../dom.js";
import { withEdges } from "../edges.js";
import { isEditable, overlayOf } from "../store.js";
import { layerParts } from "../words.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../store.js").Overlay} Overlay */

/** @param {Page} page @returns {HTMLElement} */
export function createLayers(page) {
  const { store } = page;
  const body = element("div", { class: "body" });
  const edges = withEdges(body, "layer", "layers");
  let drawn = "";
  store.watch(["project", "session", "layer", "sample", "overlays"], (state) => {
    // Not while a slider is dragged: it would be another one.
    const { project, layer } = state;
    const seen = project?.layers.map(({ name }) => [
      name,
      overlayOf(state, name).shown,
      overlayOf(state, name).fill,
    ]);
    const now = JSON.stringify([layer, isEditable(state), seen]);
    if (now !== drawn) drawLayers(page, body);
    drawn = now;
    edges.update();
  });
  return element(
    "section",
    { class: "section", "aria-label": "Layers" },
    element("header", {}, element("h2", {}, "Layers")),
    edges.root,
  );
}

/** @param {Page} page @param {HTMLElement} body */
function drawLayers(page, body) {
  const { project, layer } = page.store.state;
  const names = (project?.layers ?? []).map((one) => one.name);
  fill(
    body,
    ...[layer, ...names.filter((one) => one !== layer)].map((name) => drawLayer(page, name)),
  );
}

/** @param {Page} page @param {string} name @returns {HTMLElement} */
function drawLayer(page, name) {
  const { store } = page;
  const edited = name === store.state.layer;
  const overlay = overlayOf(page.store.state, name);
  const eye = button(overlay.shown ? "eye" : "eye-off", `Show ${name}`, () => {
    change(page, name, { shown: !overlayOf(page.store.state, name).shown });
  });
  eye.setAttribute("aria-pressed", String(overlay.shown));
  const about = store.state.project?.layers.find((one) => one.name === name);
  const note = edited ? (isEditable(store.state) ? "you edit this" : "read only") : null;
  const opacity = element("input", {
    type: "range",
    min: "0",
    max: "1",
    step: "0.05",
    value: overlay.opacity,
    "aria-label": `Opacity of ${name}`,
    oninput: () => change(page, name, { opacity: Number(opacity.value) }),
  });
  const filled = element("input", {
    type: "checkbox",
    checked: overlay.fill,
    onchange: () => change(page, name, { fill: filled.checked }),
  });
  return element(
    "div",
    { class: "shown" },
    eye,
    brokenName(name, layerParts(name)),
    note
      ? element("span", { class: "mark" }, note)
      : element(
          "button",
          {
            type: "button",
            class: "button",
            title: `${about?.immutable ? "Open" : "Edit"} ${name}`,
            onclick: () => page.goTo({ ...page.here(), layer: name }),
          },
          about?.immutable ? "Open" : "Edit",
        ),
    overlay.shown
      ? element(
          "div",
          { class: "amount" },
          element("label", { class: "check" }, filled, "fill"),
          opacity,
        )
      : null,
  );
}

/** @param {Page} page @param {string} name @param {Partial<Overlay>} values */
export function change(page, name, values) {
  const { overlays } = page.store.state;
  const next = { ...overlayOf(page.store.state, name), ...values };
  page.store.set({ overlays: [...overlays.filter((one) => one.layer !== name), next] });
  void page.layers.loadOthers().catch((error) => page.tell(error.message));
}
