/**
 * What makes the labels say what a prediction says, in one region of a review: an object added,
 * taken out, given another class or outline; in a map, the pixels in question moved to the other
 * class. Verdicts are judge.js.
 */

import { count, difference, fromTiles, intersection, union, xor } from "../core/bits.js";
import { fillPolygon } from "../core/fill.js";
import {
  createObject,
  deleteObject,
  maskIn,
  paint,
  replacePixels,
  setField,
} from "../core/gestures.js";
import { newUid } from "../core/operations.js";

/** @typedef {import("./types.js").ReviewItem} ReviewItem */
/** @typedef {import("../core/document.js").Document} Document */
/** @typedef {import("../core/bits.js").Mask} Mask */
/** @typedef {import("../core/operations.js").Change} Change */

const MAX_ORIGIN = 200;

/**
 * @param {Document} document
 * @param {Document} predicted
 * @param {ReviewItem} item
 * @param {string} layer of the prediction.
 * @returns {(Change | null)[] | null} null if the prediction has nothing to copy.
 */
export function acceptChanges(document, predicted, item, layer) {
  if (document.form === "map") {
    return predicted.form === "map" ? moveClasses(document, predicted, item) : null;
  }
  const own = item.object ?? "";
  const owned = document.objects.has(own);
  if (item.kind === "missing") return owned ? [deleteObject(own)] : null;
  if (item.kind === "wrong-class") {
    return owned && item.other ? [setField(document, own, "category", item.other)] : null;
  }
  if (predicted.form === "map") return null;
  const uid = item.kind === "extra" ? own : bestMatch(predicted, document, own);
  const found = uid ? predicted.objects.get(uid) : null;
  if (!found) return null;
  const origin = `${layer} ${found.uid}`.slice(0, MAX_ORIGIN);
  if (item.kind === "boundary") return [outlineOf(document, own, found, origin)];
  return [copyOf(document, found, origin, item.category ?? "")];
}

/**
 * A new object with the pixels of a predicted one.
 *
 * @param {Document} document @param {import("../core/items.js").Item} found
 * @param {string} origin @param {string} category if the prediction names none.
 * @returns {Change}
 */
function copyOf(document, found, origin, category) {
  const mask = fromTiles(found.tiles);
  const fields = { z: document.frontZ(), origin, geometry: soundGeometry(document, found, mask) };
  return createObject(newUid(), mask, found.category ?? category, fields);
}

/**
 * An object of the labels with the pixels of a predicted one.
 *
 * @param {Document} document @param {string} uid @param {import("../core/items.js").Item} found
 * @param {string} origin
 * @returns {Change | null}
 */
function outlineOf(document, uid, found, origin) {
  const mask = fromTiles(found.tiles);
  const change = replacePixels(document, uid, mask, soundGeometry(document, found, mask));
  const noted = setField(document, uid, "origin", origin);
  if (!change || !noted) return change ?? noted;
  return { ...change, set: { ...change.set, ...noted.set } };
}

/**
 * The polygon of an object, if its filling is the object.
 *
 * @param {Document} document @param {import("../core/items.js").Item} found @param {Mask} mask
 */
function soundGeometry(document, found, mask) {
  if (!found.geometry) return null;
  return xor(fillPolygon(found.geometry, document.size), mask).size === 0 ? found.geometry : null;
}

/**
 * The object of the prediction that shares most with one of the labels.
 *
 * @param {Document} predicted @param {Document} document @param {string} uid
 * @returns {string | null}
 */
export function bestMatch(predicted, document, uid) {
  const own = fromTiles(document.held(uid).tiles);
  const near = new Set([...own.keys()].flatMap((key) => [...(predicted.index.get(key) ?? [])]));
  let best = 0;
  let found = null;
  for (const one of near) {
    const mask = fromTiles(predicted.held(one).tiles);
    const share = count(intersection(own, mask)) / count(union(own, mask));
    if (share > best) {
      best = share;
      found = one;
    }
  }
  return found;
}

/**
 * In two maps: pixels of the region go from the class of the labels to that of the prediction.
 *
 * @param {Document} document @param {Document} predicted @param {ReviewItem} item
 * @returns {(Change | null)[]}
 */
function moveClasses(document, predicted, item) {
  const frame = boxMask(item, document.size);
  const [one, two] = [item.category ?? "", item.other ?? ""];
  /** @type {Record<string, [string, string][]>} from, to; "" is no class. */
  const pairs = {
    missing: [[one, ""]],
    extra: [["", one]],
    "wrong-class": [[one, two]],
    boundary: [
      [one, two],
      [two, one],
    ],
  };
  /** @type {Map<string, {gain: Mask, loss: Mask}>} */
  const moves = new Map();
  for (const [from, to] of pairs[item.kind] ?? []) {
    const moved = intersection(classIn(document, from, frame), classIn(predicted, to, frame));
    for (const uid of [from, to]) {
      const known = moves.get(uid) ?? { gain: new Map(), loss: new Map() };
      if (uid === to) known.gain = union(known.gain, moved);
      else known.loss = union(known.loss, moved);
      moves.set(uid, known);
    }
  }
  moves.delete("");
  return [...moves]
    .filter(([uid]) => document.objects.has(uid))
    .map(([uid, { gain, loss }]) => {
      if (loss.size === 0) return paint(document, uid, gain, "add");
      const own = fromTiles(document.held(uid).tiles);
      return replacePixels(document, uid, union(difference(own, loss), gain));
    });
}

/**
 * The pixels of a class in a frame; of no class for "".
 *
 * @param {Document} document @param {string} uid @param {Mask} frame
 * @returns {Mask}
 */
function classIn(document, uid, frame) {
  if (uid) return intersection(maskIn(document, uid, frame.keys()), frame);
  let free = frame;
  for (const one of document.objects.keys()) {
    free = difference(free, maskIn(document, one, frame.keys()));
  }
  return free;
}

/**
 * @param {{x0: number, y0: number, x1: number, y1: number}} box px.
 * @param {[number, number]} size
 * @returns {Mask} all pixels of a box.
 */
export function boxMask({ x0, y0, x1, y1 }, size) {
  const ring = [x0, y0, x1, y0, x1, y1, x0, y1].map((value) => value * 64);
  return fillPolygon({ rule: "grid", rings: [ring] }, size);
}
