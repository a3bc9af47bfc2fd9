/**
 * The outline of masks along the edges of their pixels, as a path in px of the image. For a few
 * objects that are compared; the outlines of all objects are part of their pictures (shade.js).
 */

import { bitsToRuns, runsToBits, runsToToggles, TILE, tilePlace } from "../core/codec.js";

const AREA = TILE * TILE;
const WORDS = AREA / 32;

/**
 * @param {(import("../core/items.js").Item | undefined)[]} items
 * @returns {Path2D}
 */
export function outlinePath(items) {
  const path = new Path2D();
  for (const item of items) {
    for (const [key, runs] of item?.tiles ?? []) {
      const [tx, ty] = tilePlace(key);
      const left = item?.tiles.get(`${tx - 1},${ty}`);
      const above = item?.tiles.get(`${tx},${ty - 1}`);
      addTile(path, tx * TILE, ty * TILE, runsToBits(runs), {
        left: left ? runsToBits(left) : null,
        above: above ? runsToBits(above) : null,
        rightIsEmpty: !item?.tiles.has(`${tx + 1},${ty}`),
        belowIsEmpty: !item?.tiles.has(`${tx},${ty + 1}`),
      });
    }
  }
  return path;
}

/**
 * Every edge of a tile belongs to the tile on its right or below; to this one if that is empty.
 *
 * @param {Path2D} path
 * @param {number} x0
 * @param {number} y0
 * @param {Uint32Array} bits
 * @param {{left: Uint32Array | null, above: Uint32Array | null, rightIsEmpty: boolean,
 *   belowIsEmpty: boolean}} near
 */
function addTile(path, x0, y0, bits, { left, above, rightIsEmpty, belowIsEmpty }) {
  // Pixel against its left neighbour, which lies one column of 8 words before it.
  const sides = new Uint32Array(WORDS);
  for (let w = 0; w < WORDS; w++) {
    const before = w < 8 ? (left?.[WORDS - 8 + w] ?? 0) : (bits[w - 8] ?? 0);
    sides[w] = (bits[w] ?? 0) ^ before;
  }
  eachSpan(sides, (x, from, to) => {
    path.moveTo(x0 + x, y0 + from);
    path.lineTo(x0 + x, y0 + to);
  });
  if (rightIsEmpty) {
    const last = new Uint32Array(WORDS);
    last.set(bits.subarray(WORDS - 8), 0);
    eachSpan(last, (_x, from, to) => {
      path.moveTo(x0 + TILE, y0 + from);
      path.lineTo(x0 + TILE, y0 + to);
    });
  }
  eachSpan(bits, (x, from, to) => {
    const joined = from === 0 && above !== null && lastRow(above, x);
    if (!joined) addLine(path, x0 + x, y0 + from);
    if (to < TILE || belowIsEmpty) addLine(path, x0 + x, y0 + to);
  });
  if (above) {
    for (let x = 0; x < TILE; x++) {
      if (lastRow(above, x) && ((bits[x * 8] ?? 0) & 1) === 0) addLine(path, x0 + x, y0);
    }
  }
}

/** @param {Path2D} path @param {number} x @param {number} y */
function addLine(path, x, y) {
  path.moveTo(x, y);
  path.lineTo(x + 1, y);
}

/** @param {Uint32Array} bits @param {number} x @returns {boolean} */
function lastRow(bits, x) {
  return (bits[x * 8 + 7] ?? 0) >>> 31 === 1;
}

/**
 * @param {Uint32Array} bits
 * @param {(x: number, from: number, to: number) => void} visit runs of set bits in one column.
 */
function eachSpan(bits, visit) {
  const runs = bitsToRuns(bits);
  if (runs.length === 0) return;
  const toggles = runsToToggles(runs);
  for (let j = 0; j < toggles.length; j += 2) {
    const end = toggles[j + 1] ?? AREA;
    for (let place = toggles[j] ?? 0; place < end;) {
      const x = place >> 8;
      const next = Math.min(end, (x + 1) << 8);
      visit(x, place & 255, next - (x << 8));
      place = next;
    }
  }
}
