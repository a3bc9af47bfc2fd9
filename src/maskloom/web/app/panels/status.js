/**
 * In words whether all is saved, and what to do if not. It is a button: pressed, it leads to what
 * keeps things from being saved, or says it.
 */

import { element } from "../dom.js";
import { counted } from "../words.js";

/** @typedef {import("../page.js").Page} Page */

/** @param {Page} page @returns {HTMLElement} */
export function createSaved(page) {
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
    // A reason that nobody can guess is not for the pointer alone.
    const spoken = word === "troubled" ? `${said}. ${title}` : said;
    root.dataset["state"] = word;
    text.textContent = said;
    root.title = title;
    if (live.textContent !== spoken) live.textContent = spoken;
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
    return {
      word: "readonly",
      text: "Read-only",
      title: "This project can be looked at, not changed.",
    };
  }
  if (sample && told?.immutable && waiting === 0) {
    return {
      word: "readonly",
      text: `${layer} is fixed`,
      title: "Labels of a machine are not edited.",
    };
  }
  if (signedOut && waiting === 0) {
    return { word: "signed-out", text: "Signed out", title: "Press to sign in again." };
  }
  const kept = outbox.lasting
    ? "They are kept on this computer and sent when the server is back."
    : "They are kept only as long as this tab is open.";
  const changes = counted(waiting, "change");
  const stuck = conflicts.count;
  const texts = {
    saved: ["All changes saved", "Every gesture is stored in the project."],
    saving: [`Saving ${changes}`, "Saved once the server has confirmed it."],
    offline: [`Offline: ${changes} waiting`, `The server does not answer. ${kept}`],
    "signed-out": [`Signed out: ${changes} waiting`, `Press to sign in. ${kept}`],
    troubled: [`Not saved yet: ${changes} waiting`, `${sender.trouble?.message ?? ""} ${kept}`],
    conflict: [`${counted(stuck, "conflict")} to settle`, "Somebody changed the same place."],
    refused: [`${counted(stuck, "change")} refused`, "The server did not take a gesture."],
  };
  const [text = "", title = ""] = texts[word];
  return { word, text, title };
}
