/**
 * Verdicts on regions of a review. Accepting the prediction copies it into the labels (accept.js)
 * and notes the verdict in one operation, so one undo takes both back. The card with the buttons
 * is panels/verdict.js.
 */

import { count, intersection } from "../core/bits.js";
import { carve, maskIn, paint, setField } from "../core/gestures.js";
import { acceptChanges, boxMask } from "./accept.js";
import { classChanges } from "./splits.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./types.js").Review} Review */
/** @typedef {import("./types.js").ReviewItem} ReviewItem */
/** @typedef {import("../core/document.js").Document} Document */
/** @typedef {import("../core/operations.js").Change} Change */
/** @typedef {"accepted" | "kept" | "void" | "unsure" | "fixed" | null} Verdict */

/**
 * Note a verdict, with what follows from it, as one operation.
 *
 * @param {Page} page
 * @param {Verdict} verdict null takes it back.
 * @param {(Change | null)[]} [settled] what settles the region by hand.
 * @returns {boolean} whether it was noted.
 */
export function judge(page, verdict, settled = []) {
  const { opened, store } = page;
  const { item, going } = store.state;
  const { document } = opened;
  // On the way to the next region the last one is still here; no verdict is meant for it.
  if (!item || !document || going) return false;
  const noted = setField(document, "", `verdict/${item.id}`, verdict);
  if (!noted && settled.length === 0) return true;
  /** @type {(Change | null)[] | null} */
  let changes = settled;
  if (verdict === "accepted") changes = accepted(page, document, item);
  if (verdict === "void") changes = leaveOut(page, document, item);
  if (!changes && item.kind === "split") {
    page.tell("There is no prediction here. Choose one of the new classes on the card.");
    return false;
  }
  if (!changes) {
    page.tell("There is no prediction in this project to copy. Correct it by hand, or keep it.");
    return false;
  }
  opened.change(verdict === "accepted" ? "accept" : "verdict", [...changes, noted]);
  return true;
}

/** @param {Page} page @param {Document} document @param {ReviewItem} item */
function accepted({ store, layers }, document, item) {
  const { reviews, review, project } = store.state;
  const layer = predictedLayer(reviews.find((one) => one.id === review));
  const predicted = project && layer ? layers.documentOf(layer) : null;
  return predicted && layer ? acceptChanges(document, predicted, item, layer) : null;
}

/** The layer that a review is about. @param {Review | undefined} review @returns {string} */
export function truthLayer(review) {
  return review?.truth.replace(/#\d+$/, "") ?? "main";
}

/** What it was compared with, which may lie elsewhere. @param {Review | undefined} review */
export function predictedLayer(review) {
  return review?.predicted.replace(/#\d+$/, "") ?? null;
}

/**
 * What cannot be judged counts nowhere: the object becomes void, or its pixels in a map. Without
 * a void class only the verdict is noted.
 *
 * @param {Page} page @param {Document} document @param {ReviewItem} item
 * @returns {(Change | null)[]}
 */
function leaveOut({ store }, document, item) {
  const categories = store.state.project?.taxonomy.categories ?? [];
  const key = categories.find((one) => one.void && !one.retired)?.key;
  if (!key) return [];
  if (document.form === "rows") {
    const uid = item.object ?? "";
    return document.objects.has(uid) ? [setField(document, uid, "category", key)] : [];
  }
  if (!document.objects.has(key) || !item.category) return [];
  const frame = boxMask(item, document.size);
  const region = intersection(maskIn(document, item.category, frame.keys()), frame);
  if (count(region) === 0) return [];
  return [paint(document, key, region, "add"), ...carve(document, region, (uid) => uid !== key)];
}

/**
 * Give a region of a class that was split one of the new classes.
 *
 * @param {Page} page @param {string} key of the class.
 * @returns {boolean} whether it is settled.
 */
export function judgeClass(page, key) {
  const { opened, store } = page;
  const { item } = store.state;
  if (!item || !opened.document) return false;
  const changes = classChanges(opened.document, item, key);
  if (changes) return judge(page, "fixed", changes);
  page.tell("This region is no longer there. Say Fixed by hand if nothing is left to do.");
  return false;
}
