/**
 * Random work for the page's modules, checked against Python by test_core_fuzz.py.
 */

import { count, difference, intersection, toTiles, union, xor } from "../../src/maskloom/web/core/bits.js";
import { paintCapsule } from "../../src/maskloom/web/core/dab.js";
import { Document } from "../../src/maskloom/web/core/document.js";
import { fillPolygon } from "../../src/maskloom/web/core/fill.js";
import * as gestures from "../../src/maskloom/web/core/gestures.js";
import { tilesToJson } from "../../src/maskloom/web/core/items.js";
import { canonical, inverse, newUid } from "../../src/maskloom/web/core/operations.js";
import { sorted } from "./vectors.js";

/** @typedef {import("../../src/maskloom/web/core/bits.js").Mask} Mask */
/** @typedef {import("../../src/maskloom/web/core/operations.js").Operation} Operation */

/** @param {number} seed @returns {() => number} in [0, 1): mulberry32. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param {{size: [number, number], rings: number[][]}[]} polygons */
export function fillAll(polygons) {
  return polygons.map(({ size, rings }) => {
    return tilesToJson(toTiles(fillPolygon({ rule: "grid", rings }, size)));
  });
}

/** @param {{size: [number, number], a: [number, number], b: [number, number], r: number}[]} dabs */
export function paintAll(dabs) {
  return dabs.map(({ size, a, b, r }) => {
    /** @type {Mask} */
    const mask = new Map();
    paintCapsule(mask, a, b, r, size);
    return tilesToJson(toTiles(mask));
  });
}

/**
 * Apply operations in turn; those that are refused change nothing.
 *
 * @param {any} data
 * @param {Operation[]} operations
 */
export function replay(data, operations) {
  const held = new Document(data);
  const outcomes = operations.map((op) => {
    try {
      held.apply(op);
      return "applied";
    } catch (error) {
      return error instanceof Error ? error.name : String(error);
    }
  });
  return { outcomes, document: sorted(held.toJSON()) };
}

/**
 * Random gestures of a page, and the documents after every one.
 *
 * @param {any} data
 * @param {number} seed
 * @param {number} length
 */
export function gesture(data, seed, length) {
  const held = new Document(data);
  const next = random(seed);
  /** @type {Operation[]} */
  const operations = [];
  /** @type {string[]} */
  const faults = [];
  for (let k = 0; k < length; k++) {
    const { op, check } = randomOperation(held, next);
    if (!op) continue;
    const kept = held.toJSON();
    held.apply(op);
    if (check) faults.push(...check());
    if (next() < 0.2) {
      const back = inverse(op, held.revision);
      held.apply(back);
      const now = { ...held.toJSON(), revision: held.revision - 2, created: kept.created };
      if (canonical(sorted(now)) !== canonical(sorted(kept))) faults.push(`undo of ${JSON.stringify(op)}`);
      operations.push(op, back);
    } else operations.push(op);
  }
  return { operations, document: sorted(held.toJSON()), faults };
}

/**
 * @param {Document} held
 * @param {() => number} next
 * @returns {{op: Operation | null, check?: () => string[]}}
 */
function randomOperation(held, next) {
  const uids = [...held.objects.keys()];
  const uid = uids[Math.floor(next() * uids.length)] ?? "";
  const { mask, geometry } = randomMask(held.size, next);
  const choice = Math.floor(next() * (held.form === "map" ? 2 : 9));
  const on = (/** @type {string} */ kind, /** @type {any[]} */ ...changes) => {
    return { op: gestures.operationOn(held, "main", kind, changes) };
  };
  const alone = () => {
    const lost = gestures.carve(held, mask, (one) => one !== uid);
    const made = on("brush", gestures.paint(held, uid, mask, "add"), ...lost);
    return { ...made, check: () => overlaps(held, uid, mask) };
  };
  if (held.form === "map") {
    return choice ? alone() : on("eraser", gestures.paint(held, uid, mask, "remove"));
  }
  if (uid === "" || choice === 0) {
    const fields = { z: held.frontZ(), geometry };
    return on("polygon", gestures.createObject(newUid(), mask, "car", fields));
  }
  if (choice === 1) return on("eraser", gestures.paint(held, uid, mask, "remove"));
  if (choice === 2) return on("delete", gestures.deleteObject(uid));
  if (choice === 3) {
    const word = ["car", "sky"][Math.floor(next() * 2)];
    return on("category", gestures.setField(held, uid, "category", word));
  }
  if (choice === 4) return on("replace", gestures.replacePixels(held, uid, mask, geometry));
  if (choice === 5) return alone();
  if (choice === 6) {
    const free = gestures.freePart(held, mask, (one) => one !== uid);
    return on("brush", gestures.paint(held, uid, free, "add"));
  }
  const tomb = [...held.deleted.keys()][0];
  if (choice === 7 && tomb) return on("redo", { object: tomb, set: { exists: [false, true] } });
  return on("brush", gestures.paint(held, uid, mask, "add"));
}

/**
 * @param {[number, number]} size
 * @param {() => number} next
 * @returns {{mask: Mask, geometry: import("../../src/maskloom/web/core/fill.js").Geometry | null}}
 */
function randomMask(size, next) {
  const spot = () => Math.floor((next() * 1.4 - 0.2) * 64 * Math.max(...size));
  if (next() < 0.3) {
    /** @type {import("../../src/maskloom/web/core/fill.js").Geometry} */
    const geometry = { rule: "grid", rings: [Array.from({ length: 10 }, spot)] };
    return { mask: fillPolygon(geometry, size), geometry };
  }
  /** @type {Mask} */
  const mask = new Map();
  const radius = Math.floor(next() * 64 * 50);
  paintCapsule(mask, [spot(), spot()], [spot(), spot()], radius, size);
  return { mask, geometry: null };
}

/**
 * @param {Document} held
 * @param {string} uid that got the mask alone.
 * @param {Mask} mask
 * @returns {string[]}
 */
function overlaps(held, uid, mask) {
  return [...held.objects.keys()].filter((other) => {
    const own = gestures.maskIn(held, other, mask.keys());
    const left = other === uid ? difference(mask, own) : intersection(mask, own);
    return left.size > 0;
  });
}

/**
 * Set algebra against counting: |a or b| = |a| + |b| - |a and b|, and so on.
 *
 * @param {number} seed
 * @returns {string[]}
 */
export function algebra(seed) {
  const next = random(seed);
  /** @type {string[]} */
  const faults = [];
  for (let k = 0; k < 100; k++) {
    const a = randomMask([400, 600], next).mask;
    const b = randomMask([400, 600], next).mask;
    const both = count(intersection(a, b));
    const sums = [
      [count(union(a, b)), count(a) + count(b) - both],
      [count(xor(a, b)), count(a) + count(b) - 2 * both],
      [count(difference(a, b)), count(a) - both],
      [count(xor(difference(a, b), union(intersection(a, b), difference(b, a)))), count(union(a, b))],
    ];
    sums.forEach(([seen, wanted], i) => {
      if (seen !== wanted) faults.push(`${k} ${i}: ${seen}, not ${wanted}`);
    });
  }
  return faults;
}
