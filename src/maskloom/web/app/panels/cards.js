/**
 * The card over the image: a region of the review that waits for a verdict, or two versions that
 * collided and wait for a choice, which comes first.
 */

import { decide } from "../actions.js";
import { button, element, fill, swatch } from "../dom.js";
import { judge, predictedLayer } from "../judge.js";
import { categoryOf, isEditable } from "../store.js";
import { counted, gestureName, KINDS, timeOf, VERDICTS } from "../words.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../outbox.js").Entry} Entry */

/** @param {Page} page @param {HTMLElement} root */
export function createCards(page, root) {
  let shown = "";
  const draw = () => {
    const stuck = page.conflicts.current();
    const { item } = page.store.state;
    // A button that is made anew under a finger, or under the focus, cannot be pressed.
    const wanted = JSON.stringify(contentOf(page, stuck));
    if (wanted === shown) return;
    shown = wanted;
    if (stuck[0]?.state === "refused") fill(root, drawRefused(page, stuck[0]));
    else if (stuck.length) fill(root, drawConflict(page, stuck));
    else if (item) fill(root, drawItem(page, item));
    else fill(root);
  };
  page.store.watch(["item", "edited", "session", "layer", "sample", "reviews"], draw);
  page.watchSaving(draw);
}

/** All that a card is drawn from. @param {Page} page @param {Entry[]} stuck */
function contentOf({ conflicts, opened, store }, stuck) {
  const { item, reviews, review, project } = store.state;
  if (stuck.length) {
    const missing = stuck.map((one) => one.missing.map(({ op }) => op.id));
    return [stuck.map(({ op, reason }) => [op.id, reason]), missing, conflicts.shown !== null];
  }
  if (!item) return null;
  const said = opened.document?.value("", `verdict/${item.id}`);
  const layer = predictedLayer(reviews.find((one) => one.id === review));
  return [item, said, isEditable(store.state), layer, project?.taxonomy];
}

/** @param {Page} page @param {import("../types.js").ReviewItem} item @returns {HTMLElement} */
function drawItem(page, item) {
  const { store } = page;
  const { reviews, review } = store.state;
  const said = page.opened.document?.value("", `verdict/${item.id}`) ?? item.verdict;
  const able = isEditable(store.state);
  const layer = predictedLayer(reviews.find((one) => one.id === review));
  return element(
    "section",
    { class: "card", "aria-label": "Region to review" },
    element(
      "header",
      {},
      element("h2", {}, KINDS[item.kind] ?? item.kind),
      button("prev", "Previous region", () => void page.stepItem(-1), { key: "," }),
      button("next", "Next region", () => void page.stepItem(1), { key: "." }),
      button("close", "Close the review", () => page.closeItem()),
    ),
    element("p", {}, item.reason),
    drawFacts(page, item, layer),
    able ? null : element("p", {}, "This layer cannot be changed, so no verdict can be given here."),
    element(
      "div",
      { class: "choices", role: "group", "aria-label": "Verdict" },
      ...Object.entries(VERDICTS).map(([verdict, { key, label, about }]) =>
        element(
          "button",
          {
            type: "button",
            class: "button outlined",
            title: about,
            disabled: !able,
            "aria-pressed": String(said === verdict),
            onclick: () => void decide(page, /** @type {any} */ (verdict)),
          },
          element("span", {}, label),
          element("kbd", {}, key.toUpperCase()),
        ),
      ),
      said && able ? button("", "Take the verdict back", () => judge(page, null), { text: true }) : null,
    ),
  );
}

/** @param {Page} page @param {import("../types.js").ReviewItem} item @param {string | null} layer */
function drawFacts({ store }, item, layer) {
  const truth = categoryOf(store.state, item.category);
  const other = item.other ? categoryOf(store.state, item.other) : null;
  const rows = [
    ["Class", swatch(truth.color), truth.name],
    other ? [item.kind === "boundary" ? "Against" : "Predicted", swatch(other.color), other.name] : null,
    ["Severity", null, `${Math.round(item.score * 100)} of 100`],
    ["In question", null, counted(item.area, "px", "px")],
    layer ? ["Compared with", null, layer] : null,
  ];
  return element(
    "dl",
    { class: "facts" },
    ...rows.flatMap((row) =>
      row ? [element("dt", {}, row[0] ?? ""), element("dd", {}, row[1], element("span", { class: "clip" }, row[2]))] : [],
    ),
  );
}

/** @param {Page} page @param {Entry[]} group @returns {HTMLElement} */
function drawConflict(page, group) {
  const { conflicts } = page;
  const others = new Map(group.flatMap((one) => one.missing).map((done) => [done.op.id, done]));
  const ready = conflicts.shown !== null;
  /** @param {"mine" | "theirs" | "both"} choice @param {string} label @param {string} about */
  const choose = (choice, label, about) =>
    element(
      "button",
      {
        type: "button",
        class: "button outlined",
        title: about,
        disabled: choice !== "theirs" && !ready,
        onclick: () => void conflicts.settle(choice),
      },
      element("span", {}, label),
    );
  return element(
    "section",
    { class: "card conflict", role: "alertdialog", "aria-label": "Two changes of the same place" },
    element("header", {}, element("h2", {}, "Two changes of the same place")),
    element("p", {}, "Nothing is lost. Both versions are drawn on the image; choose what the project keeps."),
    element(
      "dl",
      { class: "facts" },
      ...[...others.values()].slice(0, 5).flatMap((done) => [
        element("dt", {}, timeOf(done.created)),
        element("dd", {}, element("span", { class: "clip" }, `${done.author}: ${told(page, done.op)}`)),
      ]),
      element("dt", {}, "Not saved"),
      element("dd", {}, element("span", {}, `You: ${[...new Set(group.map(({ op }) => told(page, op)))].join(", ")}`)),
    ),
    element(
      "div",
      { class: "legend" },
      element("span", {}, element("i", { class: "line-sample mine" }), "yours"),
      element("span", {}, element("i", { class: "line-sample theirs" }), "in the project"),
    ),
    element(
      "div",
      { class: "choices" },
      choose("mine", "Keep mine", "Your version replaces theirs in this place"),
      choose("theirs", "Keep theirs", "Your version is dropped"),
      choose("both", "Keep both", "Pixels of both; where that is impossible, yours as an object of its own"),
    ),
  );
}

/** What an operation did, and to what. @param {Page} page @param {import("../../core/operations.js").Operation} op */
function told({ store, opened }, op) {
  const uid = op.changes.find((one) => one.object !== "")?.object;
  const item = uid ? opened.document?.held(uid) : null;
  const name = item?.category ? ` on ${categoryOf(store.state, item.category).name}` : "";
  return `${gestureName(op.kind)}${name}`;
}

/** @param {Page} page @param {Entry} entry @returns {HTMLElement} */
function drawRefused({ conflicts, store, opened }, entry) {
  return element(
    "section",
    { class: "card conflict", role: "alertdialog", "aria-label": "A change was refused" },
    element("header", {}, element("h2", {}, "A change was refused")),
    element("p", {}, `The server did not take your ${told(/** @type {any} */ ({ store, opened }), entry.op)}:`),
    element("p", {}, entry.reason),
    element(
      "div",
      { class: "choices" },
      element("button", { type: "button", class: "button outlined", onclick: () => void conflicts.settle("again") }, "Try again"),
      element("button", { type: "button", class: "button outlined danger", onclick: () => void conflicts.settle("theirs") }, "Drop it"),
    ),
  );
}
