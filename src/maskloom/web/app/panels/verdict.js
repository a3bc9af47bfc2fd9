/**
 * The card of a region in review: what disagrees, how badly, and the buttons to judge it with.
 * What a verdict does is judge.js.
 */

import { brokenName, button, element, swatch } from "../dom.js";
import { decide, decideClass } from "../edits.js";
import { judge, predictedLayer } from "../judge.js";
import { categoryOf, isEditable } from "../store.js";
import { counted, KINDS, layerParts, VERDICTS } from "../words.js";

/** @typedef {import("../page.js").Page} Page */

/** @param {Page} page @param {import("../types.js").ReviewItem} item @returns {HTMLElement} */
export function drawItem(page, item) {
  const { store } = page;
  const { reviews, review } = store.state;
  // A verdict may wait in the outbox, unknown to the server that gave the item.
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
    drawLegend(page, item),
    drawFacts(page, item, layer),
    able
      ? null
      : element("p", {}, "This layer cannot be changed, so no verdict can be given here."),
    element(
      "div",
      { class: "choices", role: "group", "aria-label": "Verdict" },
      ...drawClasses(page, item, able),
      ...verdictsFor(item).map(([verdict, { key, label, about }]) =>
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
      said && able
        ? button("", "Take the verdict back", () => judge(page, null), { text: true })
        : null,
    ),
  );
}

/** There is no prediction to accept of a class that was split. @param {import("../types.js").ReviewItem} item */
function verdictsFor({ kind }) {
  return Object.entries(VERDICTS).filter(([verdict]) => kind !== "split" || verdict !== "accepted");
}

/**
 * One button for each class that a region of a class that was split may be of.
 *
 * @param {Page} page @param {import("../types.js").ReviewItem} item @param {boolean} able
 * @returns {HTMLElement[]}
 */
function drawClasses(page, item, able) {
  const { document } = page.opened;
  const now = document?.form === "rows" ? document.objects.get(item.object ?? "")?.category : null;
  return (item.choices ?? []).map((key) => {
    const { name, color } = categoryOf(page.store.state, key);
    return element(
      "button",
      {
        type: "button",
        class: "button outlined choice",
        disabled: !able,
        title: `It is ${name}: give it this class`,
        "aria-pressed": String(now === key),
        onclick: () => void decideClass(page, key),
      },
      swatch(color),
      element("span", { class: "clip" }, name),
    );
  });
}

/** Which line on the image is whose. @param {Page} page @param {import("../types.js").ReviewItem} item */
function drawLegend({ opened }, { kind }) {
  if (opened.document?.form === "map" || kind === "split") return null;
  const lines = kind === "extra" ? [["own", "Prediction"]] : [["own", "Label"], ["other", "Prediction"]];
  return element(
    "div",
    { class: "legend" },
    ...lines.map(([side, text = ""]) =>
      element("span", {}, element("i", { class: `line-sample ${side}` }), text),
    ),
  );
}

/** @param {Page} page @param {import("../types.js").ReviewItem} item @param {string | null} layer */
function drawFacts({ store }, item, layer) {
  const truth = categoryOf(store.state, item.category);
  const other = item.other ? categoryOf(store.state, item.other) : null;
  const rows = [
    ["Class", swatch(truth.color), truth.name],
    other
      ? [item.kind === "boundary" ? "Against" : "Predicted", swatch(other.color), other.name]
      : null,
    item.kind === "split" ? null : ["Severity", null, `${Math.round(item.score * 100)} of 100`],
    ["In question", null, counted(item.area, "px", "px")],
    layer ? ["Compared with", null, brokenName(layer, layerParts(layer))] : null,
  ];
  return element(
    "dl",
    { class: "facts" },
    ...rows.flatMap((row) =>
      row
        ? [
            element("dt", {}, row[0] ?? ""),
            element("dd", {}, row[1], valueOf(row[2] ?? "")),
          ]
        : [],
    ),
  );
}

/** @param {string | HTMLElement} value @returns {HTMLElement} */
function valueOf(value) {
  return typeof value === "string" ? element("span", { class: "clip" }, value) : value;
}
