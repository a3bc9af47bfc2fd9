/**
 * What the stage says while nothing, or only an overview, of an image is on it, and why a part of
 * it is not there. It waits a little, so that nothing flashes when an image opens at once.
 */

import { element, fill } from "../dom.js";
import { LARGE } from "../showing.js";

/** ms; what opens sooner needs no word. */
const SOON = 150;

/** @typedef {import("../page.js").Page} Page */
/** @typedef {Readonly<import("../store.js").State>} State */

/** @param {Page} page @param {HTMLElement} root */
export function createOpening(page, root) {
  // Both are there from the start: screen readers tell what comes into them.
  const status = element("div", { role: "status", "aria-label": "Opening the image" });
  const alert = element("div", { role: "alert", "aria-label": "Trouble with the image" });
  fill(root, status, alert);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {unknown[]} */
  let told = [];
  const draw = () => {
    const { state } = page.store;
    timer = undefined;
    root.classList.toggle("aside", state.picture === "overview" || state.picture === "shown");
    fill(status, isWaiting(state) && progress(state));
    fill(alert, state.phase !== "failed" && state.fault !== null && trouble(page, state));
  };
  page.store.watch(["picture", "fault", "sample", "phase"], (state) => {
    // Counts of the open image change too.
    const now = [state.picture, state.fault?.message, state.sample?.id, state.phase === "failed"];
    if (now.every((one, i) => one === told[i])) return;
    const fresh = state.picture === "opening" && told[0] !== "opening";
    told = now;
    if (timer !== undefined && isWaiting(state)) return;
    clearTimeout(timer);
    if (!fresh) return draw();
    fill(status);
    fill(alert);
    timer = setTimeout(draw, SOON);
  });
}

/** @param {State} state */
function isWaiting({ picture, fault, phase }) {
  return phase !== "failed" && !fault && (picture === "opening" || picture === "overview");
}

/** @param {State} state @returns {HTMLElement | null} */
function progress({ sample, picture }) {
  if (!sample) return null;
  const { key, width, height } = sample;
  if (picture === "overview") {
    return element("div", { class: "telling" }, "Overview; all detail is on its way …", moving());
  }
  const size = `${width.toLocaleString()} × ${height.toLocaleString()} px`;
  return element(
    "div",
    { class: "telling" },
    element("strong", { class: "clip", title: key }, `Opening ${nameOf(key)}`),
    element("span", { class: "sr" }, ", "),
    element("span", {}, `${size} …`),
    moving(),
    width * height > LARGE && element("small", {}, "A large image takes a few seconds at first."),
  );
}

/** @returns {HTMLElement} */
function moving() {
  return element("div", { class: "moving", "aria-hidden": "true" }, element("span"));
}

/** @param {Page} page @param {State} state @returns {HTMLElement | null} */
function trouble(page, { sample, fault, picture }) {
  if (!sample || !fault) return null;
  const whole = picture === "failed";
  const title = whole ? `${nameOf(sample.key)} cannot be shown` : "A part of the image is missing";
  return element(
    "div",
    { class: "telling wrong" },
    element("strong", { class: "clip", title: sample.key }, title),
    element("p", {}, fault.message.charAt(0).toUpperCase() + fault.message.slice(1)),
    element(
      "button",
      { type: "button", class: "button outlined", onclick: () => page.showing.retry() },
      "Try again",
    ),
  );
}

/** Without its folders, as in the list. @param {string} key @returns {string} */
function nameOf(key) {
  return key.slice(key.lastIndexOf("/") + 1);
}
