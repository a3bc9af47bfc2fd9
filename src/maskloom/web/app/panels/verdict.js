/**
 * The card of a region in review: what disagrees, how badly, and the buttons to judge it with.
 * What a verdict does is judge.js.
 */

import { button, element, swatch } from "../dom.js";
import { decide } from "../edits.js";
import { judge, predictedLayer } from "../judge.js";
import { categoryOf, isEditable } from "../store.js";
import { counted, KINDS, VERDICTS } from "../words.js";

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
      said && able
        ? button("", "Take the verdict back", () => judge(page, null), { text: true })
        : null,
    ),
  );
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
    ["Severity", null, `${Math.round(item.score * 100)} of 100`],
    ["In question", null, counted(item.area, "px", "px")],
    layer ? ["Compared with", null, layer] : null,
  ];
  return element(
    "dl",
    { class: "facts" },
    ...rows.flatMap((row) =>
      row
        ? [
            element("dt", {}, row[0] ?? ""),
            element("dd", {}, row[1], element("span", { class: "clip" }, row[2])),
          ]
        : [],
    ),
  );
}
