/**
 * Polygons to pixels: even-odd parity at pixel centres over all rings, in whole numbers on the
 * 1/64 px grid. Bit-equal to core/fill.py, rule "grid", by the same rule in the same numbers: an
 * edge crosses the columns whose centre lies in [smaller x, larger x), and begins at the first row
 * whose centre is not above it. Where products pass 53 bits, one BigInt division per edge starts
 * the exact steps. Brushes are in dab.js.
 */

import { setSpan } from "./bits.js";
import { DataError } from "./errors.js";

/** @typedef {{rule: "grid", rings: number[][]}} Geometry rings of x, y, x, y, ... in 1/64 px. */

const STEPS = 64;
/** 2**24 px. */
export const MAX_GRID = 2 ** 30;
/** Most column centres of the frame that the edges of one polygon may cross. */
export const MAX_CROSSINGS = 2 ** 22;

/**
 * The pixels of a polygon.
 *
 * @param {Geometry} geometry
 * @param {[number, number]} size [H, W] of the frame; what lies outside is cut off.
 * @returns {import("./bits.js").Mask}
 * @throws {DataError} too few or too far vertices, or too many crossings.
 */
export function fillPolygon(geometry, size) {
  /** @type {import("./bits.js").Mask} */
  const mask = new Map();
  eachSpan(geometry.rings, size, (x, y0, y1) => setSpan(mask, x, y0, y1));
  return mask;
}

/**
 * The vertical spans of a polygon, by rising column and row.
 *
 * @param {number[][]} rings
 * @param {[number, number]} size
 * @param {(x: number, y0: number, y1: number) => void} visit pixel rows y0 to y1 - 1 of column x.
 */
export function eachSpan(rings, [height, width], visit) {
  const starts = countCrossings(rings, width);
  const rows = new Int32Array(starts[width] ?? 0);
  const ends = starts.slice(0, width);
  for (const ring of rings) {
    eachEdge(ring, width, (edge, left, right) => crossEdge(edge, left, right, height, rows, ends));
  }
  for (let c = 0; c < width; c++) {
    const line = rows.subarray(starts[c] ?? 0, starts[c + 1] ?? 0);
    if (line.length) pair(line.sort(), c, visit);
  }
}

/**
 * @param {number[][]} rings
 * @param {number} width
 * @returns {Int32Array} (width + 1) where the crossings of each column begin.
 */
function countCrossings(rings, width) {
  const starts = new Int32Array(width + 1);
  let total = 0;
  for (const ring of rings) {
    checkRing(ring);
    eachEdge(ring, width, (_edge, left, right) => {
      total += right - left;
      starts[left] = (starts[left] ?? 0) + 1;
      starts[right] = (starts[right] ?? 0) - 1;
    });
  }
  if (total > MAX_CROSSINGS) {
    throw new DataError(`a polygon crosses more than ${MAX_CROSSINGS} column centres`);
  }
  let open = 0;
  let begin = 0;
  for (let c = 0; c <= width; c++) {
    open += starts[c] ?? 0;
    starts[c] = begin;
    begin += open;
  }
  return starts;
}

/** @param {number[]} ring */
function checkRing(ring) {
  if (ring.length < 6 || ring.length % 2) throw new DataError("a ring has fewer than 3 vertices");
  for (const value of ring) {
    if (!Number.isInteger(value) || Math.abs(value) > MAX_GRID) {
      throw new DataError("a vertex is off the grid or beyond 2**24 px");
    }
  }
}

/**
 * @typedef {[number, number, number, number]} Edge xa, ya, xb, yb with xa < xb.
 */

/**
 * The edges of a ring that cross columns of the frame.
 *
 * @param {number[]} ring
 * @param {number} width
 * @param {(edge: Edge, left: number, right: number) => void} visit columns left to right - 1.
 */
function eachEdge(ring, width, visit) {
  for (let j = 0; j < ring.length; j += 2) {
    const n = j + 2 < ring.length ? j + 2 : 0;
    const xa = ring[j] ?? 0;
    const xb = ring[n] ?? 0;
    const left = Math.max(0, Math.ceil((Math.min(xa, xb) - 32) / STEPS));
    const right = Math.min(width, Math.ceil((Math.max(xa, xb) - 32) / STEPS));
    if (left >= right) continue;
    const ya = ring[j + 1] ?? 0;
    const yb = ring[n + 1] ?? 0;
    visit(xa < xb ? [xa, ya, xb, yb] : [xb, yb, xa, ya], left, right);
  }
}

/**
 * Note the row at which an edge crosses each column: the smallest r with 64 r + 32 >= y, where
 * y = ya + (yb - ya)(64 c + 32 - xa) / (xb - xa) is kept as a whole number and a fraction.
 *
 * @param {Edge} edge
 * @param {number} left
 * @param {number} right
 * @param {number} height rows are cut to 0 .. height.
 * @param {Int32Array} rows out.
 * @param {Int32Array} ends where the next crossing of each column goes.
 */
function crossEdge([xa, ya, xb, yb], left, right, height, rows, ends) {
  const run = xb - xa;
  let [whole, part] = divide(yb - ya, STEPS * left + 32 - xa, run);
  const [wholeStep, partStep] = divide(yb - ya, STEPS, run);
  whole += ya - 32;
  for (let c = left; c < right; c++) {
    const row = Math.ceil((part > 0 ? whole + 1 : whole) / STEPS);
    const place = ends[c] ?? 0;
    rows[place] = row < 0 ? 0 : row > height ? height : row;
    ends[c] = place + 1;
    whole += wholeStep;
    part += partStep;
    if (part >= run) {
      part -= run;
      whole++;
    }
  }
}

/**
 * a * b / d in whole numbers, rounded down, and what is left.
 *
 * @param {number} a
 * @param {number} b
 * @param {number} d positive.
 * @returns {[number, number]}
 */
function divide(a, b, d) {
  const product = a * b;
  if (Math.abs(product) <= Number.MAX_SAFE_INTEGER) {
    const left = product % d;
    const part = left < 0 ? left + d : left;
    return [(product - part) / d, part];
  }
  const wide = BigInt(a) * BigInt(b);
  const divisor = BigInt(d);
  const left = wide % divisor;
  const part = left < 0n ? left + divisor : left;
  return [Number((wide - part) / divisor), Number(part)];
}

/**
 * Join sorted crossings in pairs; spans that meet become one.
 *
 * @param {Int32Array} line
 * @param {number} column
 * @param {(x: number, y0: number, y1: number) => void} visit
 */
function pair(line, column, visit) {
  let from = -1;
  let to = -1;
  for (let j = 0; j + 1 < line.length; j += 2) {
    const start = line[j] ?? 0;
    const end = line[j + 1] ?? 0;
    if (start === end) continue;
    if (start === to) {
      to = end;
      continue;
    }
    if (from >= 0) visit(column, from, to);
    from = start;
    to = end;
  }
  if (from >= 0) visit(column, from, to);
}
