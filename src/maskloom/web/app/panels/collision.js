/**
 * The cards of gestures that are not saved: one that collided with somebody else's, and one that
 * the server did not take. How they are settled is conflicts.js.
 */

import { element } from "../dom.js";
import { categoryOf } from "../store.js";
import { counted, gestureName, timeOf } from "../words.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../outbox.js").Entry} Entry */

/** What can be chosen: [choice, label, what it does]. */
const CHOICES = /** @type {const} */ ([
  ["mine", "Keep mine", "Your version replaces theirs in this place"],
  ["theirs", "Keep theirs", "Your version is dropped"],
  ["both", "Keep both", "Pixels of both; where that is impossible, yours as an object of its own"],
]);
const MOST_TOLD = 5;

/** @param {Page} page @param {Entry[]} group @returns {HTMLElement} */
export function drawConflict(page, group) {
  const { conflicts } = page;
  const ready = conflicts.shown !== null;
  const gone = conflicts.gone === group[0]?.group;
  return element(
    "section",
    { class: "card conflict", role: "alertdialog", "aria-label": "Two changes of the same place" },
    element("header", {}, element("h2", {}, "Two changes of the same place")),
    element(
      "p",
      {},
      gone
        ? "What yours was drawn on is gone, so it cannot be shown or kept. Look at what is in the " +
            "project, draw what is missing again, and then drop the old one here."
        : "Nothing is lost. Both are drawn on the image; choose what the project keeps.",
    ),
    drawSides(page, group),
    !gone && element(
      "div",
      { class: "legend" },
      element("span", {}, element("i", { class: "line-sample mine" }), "yours"),
      element("span", {}, element("i", { class: "line-sample theirs" }), "in the project"),
    ),
    element(
      "div",
      { class: "choices" },
      ...CHOICES.filter(([choice]) => choice === "theirs" || !gone).map(([choice, label, about]) =>
        choose(label, () => void conflicts.settle(choice), {
          title: about,
          disabled: choice !== "theirs" && !ready,
        }),
      ),
    ),
  );
}

/** Who changed what, and when. @param {Page} page @param {Entry[]} group @returns {HTMLElement} */
function drawSides(page, group) {
  const others = new Map(group.flatMap((one) => one.missing).map((done) => [done.op.id, done]));
  const mine = new Set(group.map(({ op }) => told(page, op)));
  const rows = [...others.values()]
    .slice(0, MOST_TOLD)
    .map((done) => [timeOf(done.created), `${done.author}: ${told(page, done.op)}`]);
  return element(
    "dl",
    { class: "facts" },
    ...[...rows, ["Not saved", `You: ${[...mine].join(", ")}`]].flatMap(([when, what]) => [
      element("dt", {}, when),
      element("dd", {}, element("span", {}, what)),
    ]),
  );
}

/** @param {string} label @param {() => void} press @param {Record<string, string | boolean>} more */
function choose(label, press, more = {}) {
  const attributes = { type: "button", class: "button outlined", onclick: press, ...more };
  return element("button", attributes, element("span", {}, label));
}

/**
 * What an operation did, and to what.
 *
 * @param {Pick<Page, "store" | "opened">} page
 * @param {import("../../core/operations.js").Operation} op
 */
function told({ store, opened }, op) {
  const uid = op.changes.find((one) => one.object !== "")?.object;
  const item = uid ? opened.document?.held(uid) : null;
  const name = item?.category ? ` on ${categoryOf(store.state, item.category).name}` : "";
  return `${gestureName(op.kind)}${name}`;
}

/** @param {Page} page @param {Entry[]} group the first was refused. @returns {HTMLElement} */
export function drawRefused(page, group) {
  const { conflicts } = page;
  const [first, ...others] = group;
  const drop = group.length > 1 ? `Drop all ${group.length}` : "Drop it";
  return element(
    "section",
    { class: "card conflict", role: "alertdialog", "aria-label": "A change was refused" },
    element("header", {}, element("h2", {}, "A change was refused")),
    element("p", {}, `The server did not take your ${first ? told(page, first.op) : "change"}:`),
    element("p", {}, first?.reason ?? ""),
    others.length > 0 &&
      element("p", {}, `${counted(others.length, "later change")} built on it and wait with it.`),
    element(
      "div",
      { class: "choices" },
      choose("Try again", () => void conflicts.settle("again")),
      choose(drop, () => void conflicts.settle("theirs"), { class: "button outlined danger" }),
    ),
  );
}
