/**
 * Ready-made changes for the tools of a page: create, delete, paint, replace, set a field. Each
 * reads the old values from the document, so that the operation fits it. Applying is in
 * document.js; the same for code is edits/gestures.py.
 */

import { difference, fromTiles, intersection, toTiles, union, xor } from "./bits.js";
import { tilesToJson } from "./items.js";
import { canonical, makeOperation } from "./operations.js";

/** @typedef {import("./document.js").Document} Document */
/** @typedef {import("./operations.js").Change} Change */
/** @typedef {import("./operations.js").Operation} Operation */
/** @typedef {import("./bits.js").Mask} Mask */
/** @typedef {import("./fill.js").Geometry} Geometry */

/**
 * An operation on the newest state of a document, or null where nothing would change.
 *
 * @param {Document} document
 * @param {string} layer
 * @param {string} kind one word for the history, of a-z and -.
 * @param {(Change | null)[]} changes at most one per object.
 * @returns {Operation | null}
 */
export function operationOn(document, layer, kind, changes) {
  const real = changes.filter((change) => change !== null);
  if (real.length === 0) return null;
  return makeOperation({ layer, base: document.revision, kind, changes: real });
}

/**
 * A new object.
 *
 * @param {string} uid from `newUid`.
 * @param {Mask} mask
 * @param {string} category
 * @param {{z?: number, geometry?: Geometry | null, attributes?: Record<string, any>,
 *   origin?: string | null}} [fields]
 * @returns {Change}
 */
export function createObject(uid, mask, category, fields = {}) {
  /** @type {Record<string, [any, any]>} */
  const set = { exists: [false, true], category: [null, category] };
  /** @type {Record<string, any>} */
  const blank = { z: 0, geometry: null, attributes: {}, origin: null };
  for (const [name, value] of Object.entries(fields)) {
    if (canonical(value) !== canonical(blank[name])) set[name] = [blank[name], value];
  }
  return { object: uid, set, tiles: tilesToJson(toTiles(mask)) };
}

/**
 * An object out of the document; its pixels stay aside, so undo is as small.
 *
 * @param {string} uid
 * @returns {Change}
 */
export function deleteObject(uid) {
  return { object: uid, set: { exists: [true, false] } };
}

/**
 * Another value for a field of an object, or of the document (uid "").
 *
 * @param {Document} document
 * @param {string} uid
 * @param {string} name
 * @param {any} value
 * @returns {Change | null} null where it has that value.
 */
export function setField(document, uid, name, value) {
  const old = document.value(uid, name);
  return canonical(old) === canonical(value) ? null : { object: uid, set: { [name]: [old, value] } };
}

/**
 * Add pixels to an object or to a class of a map, or take them away. An object that is left
 * without a pixel is deleted.
 *
 * @param {Document} document
 * @param {string} uid
 * @param {Mask} mask
 * @param {"add" | "remove"} way
 * @returns {Change | null} null where nothing changes.
 */
export function paint(document, uid, mask, way) {
  const own = maskIn(document, uid, mask.keys());
  const delta = way === "add" ? difference(mask, own) : intersection(mask, own);
  return pixelChange(document, uid, delta);
}

/**
 * Other pixels for an object: the XOR of old and new.
 *
 * @param {Document} document
 * @param {string} uid
 * @param {Mask} mask all its pixels from now on.
 * @param {Geometry | null} [geometry] the polygon of which they are the filling.
 * @returns {Change | null}
 */
export function replacePixels(document, uid, mask, geometry = null) {
  const old = document.held(uid);
  const change = pixelChange(document, uid, xor(fromTiles(old.tiles), mask));
  if (canonical(old.geometry) === canonical(geometry)) return change;
  if (change?.set?.["exists"]) return change;
  return { ...(change ?? { object: uid }), set: { geometry: [old.geometry, geometry] } };
}

/**
 * What others lose where an object gets pixels, so that no two overlap; put it into the same
 * operation, and one undo restores all. In a map this is needed for every gesture that adds.
 *
 * @param {Document} document
 * @param {Mask} mask the pixels that the object gets.
 * @param {(uid: string) => boolean} loses which objects give way; the one painted must not.
 * @returns {Change[]}
 */
export function carve(document, mask, loses) {
  /** @type {Set<string>} */
  const near = new Set();
  for (const key of mask.keys()) {
    for (const uid of document.index.get(key) ?? []) if (loses(uid)) near.add(uid);
  }
  const changes = [...near].map((uid) => paint(document, uid, mask, "remove"));
  return changes.filter((change) => change !== null);
}

/**
 * The pixels of a mask that no object has, or none of those that count.
 *
 * @param {Document} document
 * @param {Mask} mask
 * @param {(uid: string) => boolean} counts
 * @returns {Mask}
 */
export function freePart(document, mask, counts) {
  let free = mask;
  /** @type {Mask} */
  let taken = new Map();
  for (const [key] of mask) {
    for (const uid of document.index.get(key) ?? []) {
      if (counts(uid)) taken = union(taken, maskIn(document, uid, [key]));
    }
  }
  if (taken.size) free = difference(free, taken);
  return free;
}

/**
 * The pixels of an object in some tiles.
 *
 * @param {Document} document
 * @param {string} uid
 * @param {Iterable<string>} keys
 * @returns {Mask}
 */
export function maskIn(document, uid, keys) {
  const { tiles } = document.held(uid);
  /** @type {import("./bits.js").Tiles} */
  const some = new Map();
  for (const key of keys) {
    const runs = tiles.get(key);
    if (runs) some.set(key, runs);
  }
  return fromTiles(some);
}

/**
 * @param {Document} document
 * @param {string} uid
 * @param {Mask} delta pixels that change.
 * @returns {Change | null}
 */
function pixelChange(document, uid, delta) {
  const tiles = toTiles(delta);
  if (tiles.size === 0) return null;
  const { geometry, tiles: held } = document.held(uid);
  const gone = document.form === "rows" && held.size === tiles.size && sameKeys(held, tiles);
  if (gone && isAll(held, delta)) return deleteObject(uid);
  /** @type {Change} */
  const change = { object: uid, tiles: tilesToJson(tiles) };
  if (geometry) change.set = { geometry: [geometry, null] };
  return change;
}

/** @param {Map<string, unknown>} a @param {Map<string, unknown>} b */
function sameKeys(a, b) {
  return [...a.keys()].every((key) => b.has(key));
}

/** @param {import("./bits.js").Tiles} held @param {Mask} delta whether all of it changes. */
function isAll(held, delta) {
  return xor(fromTiles(held), delta).size === 0;
}
