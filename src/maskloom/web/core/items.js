/**
 * One object of a document: its fields, its tiles, and the JSON in which the server sends it.
 * Objects are never changed in place; document.js holds them.
 */

import { fromBase64, toBase64, xorRuns } from "./codec.js";

/** @typedef {import("./bits.js").Tiles} Tiles */

/**
 * One object, or one class of a map.
 *
 * @typedef {object} Item
 * @property {string} uid
 * @property {string | null} category
 * @property {number} z higher lies in front.
 * @property {Tiles} tiles
 * @property {import("./fill.js").Geometry | null} geometry
 * @property {Record<string, any>} attributes
 * @property {string | null} origin the machine row it was accepted from.
 * @property {number | null} row position in the snapshot, null of a new one.
 * @property {string} kind
 * @property {boolean} crowd
 * @property {number | null} score
 */

/** @param {string} uid @returns {Item} an object that never was. */
export function blankItem(uid) {
  return {
    uid,
    category: null,
    z: 0,
    tiles: new Map(),
    geometry: null,
    attributes: {},
    origin: null,
    row: null,
    kind: "mask",
    crowd: false,
    score: null,
  };
}

/** @param {Item} item @returns {boolean} whether nothing would be lost with it. */
export function isBlank(item) {
  const { category, z, tiles, geometry, attributes, origin, row } = item;
  const plain = category === null && z === 0 && geometry === null && origin === null;
  return plain && row === null && tiles.size === 0 && Object.keys(attributes).length === 0;
}

/**
 * @param {any} data
 * @returns {Item}
 */
export function itemFromJson(data) {
  const { id, tiles, box: _box, area: _area, ...rest } = data;
  return { ...rest, uid: id, tiles: tilesFromJson(tiles) };
}

/** @param {Item} item @returns {any} what the server sends, but for box and area. */
export function itemToJson(item) {
  const { uid, tiles, ...rest } = item;
  return { ...rest, id: uid, tiles: tilesToJson(tiles) };
}

/** @param {Record<string, string>} tiles @returns {Tiles} */
export function tilesFromJson(tiles) {
  /** @type {Tiles} */
  const out = new Map();
  for (const [key, text] of Object.entries(tiles)) out.set(key, fromBase64(text));
  return out;
}

/** @param {Tiles} tiles @returns {Record<string, string>} */
export function tilesToJson(tiles) {
  /** @type {Record<string, string>} */
  const out = {};
  for (const [key, runs] of tiles) out[key] = toBase64(runs);
  return out;
}

/**
 * @param {Tiles} a
 * @param {Tiles} b
 * @returns {Tiles} pixels in one but not both; costs what b holds.
 */
export function xorTiles(a, b) {
  const out = new Map(a);
  for (const [key, runs] of b) {
    const left = xorRuns(out.get(key) ?? new Uint8Array(0), runs);
    if (left.length) out.set(key, left);
    else out.delete(key);
  }
  return out;
}

/** @param {Tiles} a @param {Tiles} b @returns {boolean} whether they are the same pixels. */
export function sameTiles(a, b) {
  if (a.size !== b.size) return false;
  for (const [key, runs] of a) {
    const other = b.get(key);
    if (!other || other.length !== runs.length) return false;
    if (!runs.every((byte, i) => byte === other[i])) return false;
  }
  return true;
}

/**
 * Which of two objects lies behind: by z, then rows of the snapshot, then new ones as they came.
 *
 * @param {Item} a
 * @param {Item} b
 * @param {Map<string, number>} born uid to the number of a new one.
 * @returns {number}
 */
export function behind(a, b, born) {
  if (a.z !== b.z) return a.z - b.z;
  const [one, other] = [a.row ?? Infinity, b.row ?? Infinity];
  if (one !== other) return one - other;
  const later = (born.get(a.uid) ?? 0) - (born.get(b.uid) ?? 0);
  // Classes of a map do not overlap, but their outlines do: always in one order.
  return later || (a.uid < b.uid ? -1 : Number(a.uid > b.uid));
}

/**
 * @param {Record<string, any>} fields of a document, changed in place.
 * @param {import("./operations.js").Change} change
 */
export function setFields(fields, { set = {} }) {
  for (const [name, [, value]] of Object.entries(set)) {
    if (value === null || (name === "state" && value === "todo")) delete fields[name];
    else fields[name] = value;
  }
}
