/**
 * The bar on top: which image is open, undo and redo, done, and in words whether all is saved.
 */

import { action } from "../actions.js";
import { button, element, fill, icon } from "../dom.js";
import { isEditable } from "../store.js";
import { counted } from "../words.js";

/** @typedef {import("../page.js").Page} Page */

/** @param {Page} page @param {HTMLElement} root */
export function createBar(page, root) {
  const { store } = page;
  const project = element("span", { class: "project clip" });
  const name = element("h1", { class: "name clip" });
  const step = action("previous");
  const next = action("next");
  const undo = actionButton(page, "undo", "undo");
  const redo = actionButton(page, "redo", "redo");
  const done = element("button", { type: "button", class: "button outlined", title: "Done, or not done (D)" });
  done.addEventListener("click", () => void action("done").run(page));
  fill(
    root,
    button("images", "Images and review", () => page.togglePanel("browse"), { key: "L" }),
    element("span", { class: "brand" }, "maskloom"),
    project,
    element("span", { class: "split" }),
    button("prev", "Previous", () => void step.run(page), { key: "," }),
    button("next", "Next", () => void next.run(page), { key: "." }),
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
    undo.disabled = !able || !page.history.canUndo;
    redo.disabled = !able || !page.history.canRedo;
  });
}

/** @param {Page} page @param {string} name @param {string} drawing */
function actionButton(page, name, drawing) {
  const { label, keys, run } = action(name);
  return button(drawing, label, () => void run(page), { key: keys[0] ?? "" });
}

/** @param {Page} page @returns {HTMLElement} */
function createSaved(page) {
  const text = element("span");
  const root = element(
    "button",
    { type: "button", class: "button saved", id: "saved", onclick: () => page.settle() },
    element("span", { class: "dot", "aria-hidden": "true" }),
    text,
  );
  const live = element("span", { class: "sr", role: "status", "aria-live": "polite" });
  const draw = () => {
    const { word, text: said, title } = describe(page);
    root.dataset["state"] = word;
    text.textContent = said;
    root.title = title;
    if (live.textContent !== said) live.textContent = said;
  };
  page.watchSaving(draw);
  page.store.watch(["session", "signedOut", "layer", "sample", "project"], draw);
  return element("span", {}, root, live);
}

/** @param {Page} page @returns {{word: string, text: string, title: string}} */
function describe({ sender, outbox, conflicts, store }) {
  const { session, signedOut, project, layer, sample } = store.state;
  const { word, waiting } = sender.status();
  const told = project?.layers.find((one) => one.name === layer);
  if (session?.readonly && waiting === 0) {
    return { word: "readonly", text: "Read-only", title: "This project can be looked at, not changed." };
  }
  if (sample && told?.immutable && waiting === 0) {
    return { word: "readonly", text: `${layer} is fixed`, title: "Labels of a machine are not edited." };
  }
  if (signedOut && waiting === 0) {
    return { word: "signed-out", text: "Signed out", title: "Press to sign in again." };
  }
  const kept = outbox.lasting
    ? "They are kept on this computer and sent when the server is back."
    : "They are kept only as long as this tab is open.";
  const texts = {
    saved: ["All changes saved", "Every gesture is stored in the project."],
    saving: [`Saving ${counted(waiting, "change")}`, "Saved once the server has confirmed it."],
    offline: [`Offline: ${counted(waiting, "change")} waiting`, `The server does not answer. ${kept}`],
    "signed-out": [`Signed out: ${counted(waiting, "change")} waiting`, `Press to sign in. ${kept}`],
    troubled: [`Not saved yet: ${counted(waiting, "change")} waiting`, `${sender.trouble?.message ?? ""} ${kept}`],
    conflict: [`${counted(conflicts.count, "conflict")} to settle`, "Somebody changed the same place."],
    refused: [`${counted(conflicts.count, "change")} refused`, "The server did not take a gesture."],
  };
  const [text = "", title = ""] = texts[word];
  return { word, text, title };
}
