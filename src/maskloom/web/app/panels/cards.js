/**
 * The card over the image: a region of the review that waits for a verdict, or two versions that
 * collided and wait for a choice, which comes first.
 */

import { fill } from "../dom.js";
import { predictedLayer } from "../judge.js";
import { isEditable } from "../store.js";
import { drawConflict, drawRefused } from "./collision.js";
import { drawItem } from "./verdict.js";

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
    if (stuck[0]?.state === "refused") fill(root, drawRefused(page, stuck));
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
    const { shown, gone } = conflicts;
    return [stuck.map(({ op, reason }) => [op.id, reason]), missing, shown !== null, gone];
  }
  if (!item) return null;
  const said = opened.document?.value("", `verdict/${item.id}`);
  const layer = predictedLayer(reviews.find((one) => one.id === review));
  const own = opened.document?.objects.get(item.object ?? "")?.category;
  return [item, said, own, isEditable(store.state), layer, project?.taxonomy];
}
