/**
 * Masks as sparse tiles of bits: what a page paints on. A mask is a map from tile keys to 2048
 * words, bit (column * 256 + row) lowest first; tiles without a pixel may be there.
 * At rest and on the wire masks are runs (codec.js); brushes are in dab.js, polygons in fill.js.
 */

import { TILE, WORDS, bitsToRuns, runsToBits, setBits, tileKey, tilePlace } from "./codec.js";

/** @typedef {Map<string, Uint32Array>} Mask bits of every tile. */
/** @typedef {Map<string, Uint8Array>} Tiles runs of every tile with a pixel. */
/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Box pixel edges. */

/**
 * Set a vertical span of pixels.
 *
 * @param {Mask} mask
 * @param {number} x column of the frame.
 * @param {number} y0 first row.
 * @param {number} y1 row after the last.
 */
export function setSpan(mask, x, y0, y1) {
  const tx = Math.floor(x / TILE);
  const column = (x - tx * TILE) * TILE;
  for (let y = y0; y < y1; ) {
    const ty = Math.floor(y / TILE);
    const end = Math.min(y1, (ty + 1) * TILE);
    const key = tileKey(tx, ty);
    let bits = mask.get(key);
    if (!bits) mask.set(key, (bits = new Uint32Array(WORDS)));
    setBits(bits, column + y - ty * TILE, column + end - ty * TILE);
    y = end;
  }
}

/**
 * @param {Mask} mask
 * @param {number} x
 * @param {number} y
 * @returns {boolean} whether a pixel is inside.
 */
export function hasPixel(mask, x, y) {
  const tx = Math.floor(x / TILE);
  const ty = Math.floor(y / TILE);
  const place = (x - tx * TILE) * TILE + y - ty * TILE;
  const word = mask.get(tileKey(tx, ty))?.[place >>> 5] ?? 0;
  return ((word >>> (place & 31)) & 1) === 1;
}

/**
 * Pixels in one mask but not both.
 *
 * @param {Mask} a
 * @param {Mask} b
 * @returns {Mask} a new one, as are those of `union`, `intersection` and `difference`.
 */
export function xor(a, b) {
  const out = combine(a, b, (one, other) => one ^ other);
  copyRest(out, a, b);
  copyRest(out, b, a);
  return out;
}

/** @param {Mask} a @param {Mask} b @returns {Mask} */
export function union(a, b) {
  const out = combine(a, b, (one, other) => one | other);
  copyRest(out, a, b);
  copyRest(out, b, a);
  return out;
}

/** @param {Mask} a @param {Mask} b @returns {Mask} pixels of both. */
export function intersection(a, b) {
  return combine(a, b, (one, other) => one & other);
}

/** @param {Mask} a @param {Mask} b @returns {Mask} the pixels of a that are not in b. */
export function difference(a, b) {
  const out = combine(a, b, (one, other) => one & ~other);
  copyRest(out, a, b);
  return out;
}

/**
 * The tiles that both masks have, word by word; those that come out empty are left out.
 *
 * @param {Mask} a
 * @param {Mask} b
 * @param {(one: number, other: number) => number} rule
 * @returns {Mask}
 */
function combine(a, b, rule) {
  /** @type {Mask} */
  const out = new Map();
  for (const key of (a.size < b.size ? a : b).keys()) {
    const one = a.get(key);
    const other = b.get(key);
    if (!one || !other) continue;
    const bits = new Uint32Array(WORDS);
    let any = 0;
    for (let w = 0; w < WORDS; w++) {
      const word = rule(one[w] ?? 0, other[w] ?? 0);
      bits[w] = word;
      any |= word;
    }
    if (any !== 0) out.set(key, bits);
  }
  return out;
}

/**
 * Copy the tiles with a pixel that only the first mask has.
 *
 * @param {Mask} out
 * @param {Mask} a
 * @param {Mask} b
 */
function copyRest(out, a, b) {
  for (const [key, bits] of a) {
    if (!b.has(key) && bits.some((word) => word !== 0)) out.set(key, bits.slice());
  }
}

/**
 * Turn over the pixels of another mask; for a polygon whose corner moves.
 *
 * @param {Mask} mask changed in place; tiles that come out empty stay.
 * @param {Mask} other
 */
export function toggle(mask, other) {
  for (const [key, bits] of other) {
    let own = mask.get(key);
    if (!own) mask.set(key, (own = new Uint32Array(WORDS)));
    for (let w = 0; w < WORDS; w++) own[w] = (own[w] ?? 0) ^ (bits[w] ?? 0);
  }
}

/**
 * Add the pixels of another mask; for strokes that grow dab by dab.
 *
 * @param {Mask} mask changed in place.
 * @param {Mask} other
 */
export function unite(mask, other) {
  for (const [key, bits] of other) {
    const own = mask.get(key);
    if (!own) mask.set(key, bits.slice());
    else for (let w = 0; w < WORDS; w++) own[w] = (own[w] ?? 0) | (bits[w] ?? 0);
  }
}

/** @param {Mask} mask @returns {number} pixels inside. */
export function count(mask) {
  let total = 0;
  for (const bits of mask.values()) {
    for (const word of bits) if (word !== 0) total += ones(word);
  }
  return total;
}

/** @param {number} word @returns {number} bits that are set. */
function ones(word) {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return (((v + (v >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/** @param {Mask} mask @returns {Box | null} the tight box, or null of an empty mask. */
export function box(mask) {
  /** @type {Box | null} */
  let out = null;
  for (const [key, bits] of mask) {
    const own = tileBox(bits);
    if (!own) continue;
    const [tx, ty] = tilePlace(key);
    const part = {
      x0: tx * TILE + own.x0,
      y0: ty * TILE + own.y0,
      x1: tx * TILE + own.x1,
      y1: ty * TILE + own.y1,
    };
    out = out ? joinBoxes(out, part) : part;
  }
  return out;
}

/** @param {Box} a @param {Box} b @returns {Box} */
export function joinBoxes(a, b) {
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}

/** @param {Uint32Array} bits @returns {Box | null} within the tile. */
function tileBox(bits) {
  const rows = new Uint32Array(TILE / 32);
  let first = -1;
  let last = -1;
  for (let w = 0; w < WORDS; w++) {
    const word = bits[w] ?? 0;
    if (word === 0) continue;
    rows[w & 7] = (rows[w & 7] ?? 0) | word;
    last = w >>> 3;
    if (first < 0) first = last;
  }
  if (first < 0) return null;
  let y0 = -1;
  let y1 = 0;
  rows.forEach((word, k) => {
    if (word === 0) return;
    if (y0 < 0) y0 = k * 32 + 31 - Math.clz32(word & -word);
    y1 = k * 32 + 32 - Math.clz32(word);
  });
  return { x0: first, y0, x1: last + 1, y1 };
}

/**
 * Take away what lies outside the frame.
 *
 * @param {Mask} mask changed in place.
 * @param {[number, number]} size [H, W].
 */
export function clip(mask, [height, width]) {
  for (const [key, bits] of mask) {
    const [tx, ty] = tilePlace(key);
    const columns = Math.min(width - tx * TILE, TILE);
    const rows = Math.min(height - ty * TILE, TILE);
    if (tx < 0 || ty < 0 || columns <= 0 || rows <= 0) {
      mask.delete(key);
      continue;
    }
    bits.fill(0, columns * (TILE / 32));
    if (rows === TILE) continue;
    const column = new Uint32Array(TILE / 32);
    setBits(column, 0, rows);
    for (let w = 0; w < columns * 8; w++) bits[w] = (bits[w] ?? 0) & (column[w & 7] ?? 0);
  }
}

/** @param {Mask} mask @returns {Tiles} runs of the tiles that have a pixel. */
export function toTiles(mask) {
  /** @type {Tiles} */
  const out = new Map();
  for (const [key, bits] of mask) {
    const runs = bitsToRuns(bits);
    if (runs.length) out.set(key, runs);
  }
  return out;
}

/** @param {Tiles} tiles @returns {Mask} */
export function fromTiles(tiles) {
  /** @type {Mask} */
  const out = new Map();
  for (const [key, runs] of tiles) out.set(key, runsToBits(runs));
  return out;
}
