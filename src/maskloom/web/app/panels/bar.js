/**
 * The bar on top: which image is open, undo and redo, done, and in words whether all is saved.
 */

import { action } from "../actions.js";
import { button, element, fill, icon } from "../dom.js";
import { isEditable } from "../store.js";
import { createSaved } from "./status.js";

/** @typedef {import("../page.js").Page} Page */

/** @param {Page} page @param {HTMLElement} root */
export function createBar(page, root) {
  const { store } = page;
  const project = element("span", { class: "project clip" });
  const name = element("h1", { class: "name clip" });
  const undo = actionButton(page, "undo", "undo");
  const redo = actionButton(page, "redo", "redo");
  const done = element("button", {
    type: "button",
    class: "button outlined",
    title: "Done, or not done (D)",
    onclick: () => void action("done").run(page),
  });
  fill(
    root,
    button("images", "Images and review", () => page.togglePanel("browse"), { key: "L" }),
    element("span", { class: "brand" }, "maskloom"),
    project,
    element("span", { class: "split" }),
    actionButton(page, "previous", "prev"),
    actionButton(page, "next", "next"),
    name,
    element("span", { class: "grow" }),
    createSaved(page),
    element("span", { class: "split" }),
    undo,
    redo,
    done,
    button("help", "All keys", () => page.help(), { key: "?" }),
    button("panel", "Classes, objects and layers", () => page.togglePanel("inspect"), { key: "I" }),
  );
  store.watch(["project"], (state) => {
    project.textContent = state.project?.name ?? "";
    project.title = project.textContent;
  });
  store.watch(["sample"], ({ sample }) => {
    name.textContent = sample?.key ?? "";
    name.title = name.textContent;
    document.title = sample ? `${sample.key} · maskloom` : "maskloom";
  });
  store.watch(["edited", "sample", "session", "layer", "phase", "project"], (state) => {
    const is = page.opened.document?.value("", "state") === "done";
    const able = isEditable(state) && page.opened.document !== null;
    done.disabled = !able;
    done.setAttribute("aria-pressed", String(is));
    fill(done, is ? icon("check") : null, is ? "Done" : "Mark done");
    undo.disabled = !able || !page.trail.canUndo;
    redo.disabled = !able || !page.trail.canRedo;
  });
}

/** @param {Page} page @param {string} name @param {string} drawing */
function actionButton(page, name, drawing) {
  const { label, keys, run } = action(name);
  return button(drawing, label, () => void run(page), { key: keys[0] ?? "" });
}
