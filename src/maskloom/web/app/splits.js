/**
 * Regions of a class that was split: each gets one of the new classes, and with it the verdict that
 * it was settled by hand, in one operation. Which classes there are to choose from comes with the
 * item; the buttons are on the card (panels/verdict.js).
 */

import { intersection, setSpan } from "../core/bits.js";
import { TILE, tilePlace } from "../core/codec.js";
import { carve, maskIn, paint, setField } from "../core/gestures.js";
import { boxMask } from "./accept.js";

/** @typedef {import("./types.js").ReviewItem} ReviewItem */
/** @typedef {import("../core/document.js").Document} Document */
/** @typedef {import("../core/operations.js").Change} Change */
/** @typedef {import("../core/bits.js").Mask} Mask */

/**
 * What gives a region its class.
 *
 * @param {Document} document @param {ReviewItem} item @param {string} key of the class.
 * @returns {(Change | null)[] | null} null if the region is no longer there.
 */
export function classChanges(document, item, key) {
  const old = item.object ?? "";
  if (!document.objects.has(old)) return null;
  if (document.form === "rows") return [setField(document, old, "category", key)];
  if (!document.objects.has(key)) return null;
  const part = partIn(document, item, old);
  if (part.size === 0) return null;
  return [paint(document, key, part, "add"), ...carve(document, part, (uid) => uid !== key)];
}

/**
 * The connected part of a class that fills the box of a region; others may reach into the box.
 *
 * @param {Document} document @param {ReviewItem} item @param {string} key
 * @returns {Mask}
 */
function partIn(document, item, key) {
  const frame = boxMask(item, document.size);
  const there = intersection(maskIn(document, key, frame.keys()), frame);
  const [width, height] = [item.x1 - item.x0, item.y1 - item.y0];
  const left = new Uint8Array(width * height);
  for (const [tile, bits] of there) {
    const [tx, ty] = tilePlace(tile);
    for (let at = 0; at < TILE * TILE; at++) {
      if (((bits[at >> 5] ?? 0) >>> (at & 31)) & 1) {
        left[(ty * TILE + (at & 255) - item.y0) * width + tx * TILE + (at >> 8) - item.x0] = 1;
      }
    }
  }
  let best = /** @type {number[]} */ ([]);
  for (let at = 0; at < left.length; at++) {
    if (!left[at]) continue;
    const part = connected(left, at, width);
    if (part.length === item.area) best = part;
    if (best.length !== item.area && part.length > best.length) best = part;
  }
  /** @type {Mask} */
  const mask = new Map();
  for (const at of best) {
    const y = item.y0 + Math.floor(at / width);
    setSpan(mask, item.x0 + (at % width), y, y + 1);
  }
  return mask;
}

/**
 * The places that hang together with one, taken out of what is left.
 *
 * @param {Uint8Array} left 1 where a place is; row by row.
 * @param {number} start @param {number} width
 * @returns {number[]}
 */
function connected(left, start, width) {
  const found = [start];
  left[start] = 0;
  for (let i = 0; i < found.length; i++) {
    const at = found[i] ?? 0;
    const x = at % width;
    for (const step of [-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1]) {
      const next = at + step;
      // The end of a row is no neighbour of the beginning of the next.
      if (next < 0 || Math.abs((next % width) - x) > 1 || !left[next]) continue;
      left[next] = 0;
      found.push(next);
    }
  }
  return found;
}
