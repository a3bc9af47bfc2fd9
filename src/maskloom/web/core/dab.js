/**
 * The brush: which pixels lie under a capsule, the path of a disc from one point to the next.
 * All numbers are whole steps of 1/64 px in the pixel-edge frame. A pixel is inside if its centre
 * (64 c + 32, 64 r + 32) lies within the radius of the segment, edge included; decided in whole
 * numbers, so that every machine paints the same pixels and a stroke has no gaps however fast the
 * pointer went. What is painted on is in bits.js, polygons in fill.js.
 */

import { setSpan } from "./bits.js";

export const STEPS = 64;
/** The smallest radius under which a disc anywhere has a pixel: half the diagonal of one. */
export const MIN_RADIUS = 46;
/** Below this, products of two differences and their sums are exact in a double. */
const EXACT = 2 ** 25;
/** Wider than the rounding errors of two products. */
const SLACK = 1e-14;

/** @typedef {{ax: number, ay: number, dx: number, dy: number, r: number}} Capsule */

/**
 * @param {number} px
 * @returns {number} the nearest whole step.
 */
export function toGrid(px) {
  return Math.floor(px * STEPS + 0.5);
}

/**
 * Paint a capsule; a disc if both ends are one point.
 *
 * @param {import("./bits.js").Mask} mask changed in place.
 * @param {[number, number]} a x, y.
 * @param {[number, number]} b
 * @param {number} radius
 * @param {[number, number]} size [H, W] of the frame, in px; nothing outside it is painted.
 */
export function paintCapsule(mask, a, b, radius, size) {
  eachSpan(a, b, radius, size, (x, y0, y1) => setSpan(mask, x, y0, y1));
}

/**
 * The columns of a capsule within the frame.
 *
 * @param {[number, number]} a
 * @param {[number, number]} b
 * @param {number} radius
 * @param {[number, number]} size
 * @param {(x: number, y0: number, y1: number) => void} visit pixel rows y0 to y1 - 1 of column x.
 */
export function eachSpan([ax, ay], [bx, by], radius, [height, width], visit) {
  /** @type {Capsule} */
  const capsule = { ax, ay, dx: bx - ax, dy: by - ay, r: radius };
  for (const value of [ax, ay, bx, by, radius]) {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a whole step: ${value}`);
  }
  const first = Math.max(0, Math.ceil((Math.min(ax, bx) - radius - 32) / STEPS));
  const last = Math.min(width - 1, Math.floor((Math.max(ax, bx) + radius - 32) / STEPS));
  const top = Math.max(0, Math.ceil((Math.min(ay, by) - radius - 32) / STEPS));
  const bottom = Math.min(height - 1, Math.floor((Math.max(ay, by) + radius - 32) / STEPS));
  if (top > bottom) return;
  for (let c = first; c <= last; c++) {
    const span = columnSpan(capsule, c, top, bottom);
    if (span) visit(c, span[0], span[1] + 1);
  }
}

/**
 * The rows of one column: what lies within the radius is one interval, which is estimated and
 * then moved to the exact ends.
 *
 * @param {Capsule} capsule
 * @param {number} column
 * @param {number} top first row that may be inside.
 * @param {number} bottom last one.
 * @returns {[number, number] | null} first and last row, cut to top and bottom.
 */
function columnSpan(capsule, column, top, bottom) {
  const x = column * STEPS + 32;
  let [low, high] = estimate(capsule, x);
  low = clamp(Math.ceil((low - 32) / STEPS), top, bottom);
  high = clamp(Math.floor((high - 32) / STEPS), top, bottom);
  if (low > high || !inside(capsule, x, low) || !inside(capsule, x, high)) {
    const seed = findRow(capsule, x, top, bottom);
    if (seed < 0) return null;
    low = Math.min(low, seed);
    high = Math.max(high, seed);
    while (!inside(capsule, x, low)) low++;
    while (!inside(capsule, x, high)) high--;
  }
  while (low > top && inside(capsule, x, low - 1)) low--;
  while (high < bottom && inside(capsule, x, high + 1)) high++;
  return [low, high];
}

/** @param {number} value @param {number} low @param {number} high @returns {number} */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/**
 * About where a vertical line enters and leaves a capsule.
 *
 * @param {Capsule} capsule
 * @param {number} x
 * @returns {[number, number]} the first is larger where it seems to miss it.
 */
function estimate({ ax, ay, dx, dy, r }, x) {
  let low = Infinity;
  let high = -Infinity;
  const reach = (/** @type {number} */ y, /** @type {number} */ half) => {
    low = Math.min(low, y - half);
    high = Math.max(high, y + half);
  };
  for (const [ex, ey] of /** @type {const} */ ([[ax, ay], [ax + dx, ay + dy]])) {
    const square = r * r - (x - ex) * (x - ex);
    if (square >= 0) reach(ey, Math.sqrt(square));
  }
  const length = Math.hypot(dx, dy);
  if (dx !== 0) {
    const shift = (r * dy) / length;
    for (const side of [-1, 1]) {
      const t = (x - ax + side * shift) / dx;
      if (t >= 0 && t <= 1) reach(ay + t * dy + (side * r * dx) / length, 0);
    }
  }
  return [low, high];
}

/**
 * A row that is inside, or -1: the distance along a column has one minimum, at the crossing with
 * the segment or level with the nearer end.
 *
 * @param {Capsule} capsule
 * @param {number} x
 * @param {number} top
 * @param {number} bottom
 * @returns {number}
 */
function findRow(capsule, x, top, bottom) {
  const { ax, ay, dx, dy } = capsule;
  const t = dx === 0 ? 0 : clamp((x - ax) / dx, 0, 1);
  const ends = dx === 0 ? [ay, ay + dy] : [ay + t * dy];
  for (const y of ends) {
    const near = Math.floor((y - 32) / STEPS);
    for (const row of [near, near + 1, near - 1, near + 2]) {
      const seed = clamp(row, top, bottom);
      if (inside(capsule, x, seed)) return seed;
    }
  }
  return -1;
}

/**
 * Whether the centre of a pixel lies within the radius: exact.
 *
 * @param {Capsule} capsule
 * @param {number} x of the column's centre.
 * @param {number} row
 * @returns {boolean}
 */
function inside(capsule, x, row) {
  const { ax, ay, dx, dy, r } = capsule;
  const px = x - ax;
  const py = row * STEPS + 32 - ay;
  if (Math.max(Math.abs(px), Math.abs(py), Math.abs(dx), Math.abs(dy), r) >= EXACT) {
    return insideWide(capsule, px, py);
  }
  const along = px * dx + py * dy;
  const squared = dx * dx + dy * dy;
  if (along <= 0) return px * px + py * py <= r * r;
  if (along >= squared) return (px - dx) ** 2 + (py - dy) ** 2 <= r * r;
  const cross = px * dy - py * dx;
  const distance = cross * cross;
  const limit = r * r * squared;
  if (Math.abs(distance - limit) > limit * SLACK) return distance < limit;
  return insideWide(capsule, px, py);
}

/**
 * `inside` for any size of numbers.
 *
 * @param {Capsule} capsule
 * @param {number} px the pixel's centre, from the first end.
 * @param {number} py
 * @returns {boolean}
 */
function insideWide(capsule, px, py) {
  const [x, y, dx, dy, r] = [px, py, capsule.dx, capsule.dy, capsule.r].map(BigInt);
  if (x === undefined || y === undefined || dx === undefined || dy === undefined) return false;
  const radius = (r ?? 0n) * (r ?? 0n);
  const along = x * dx + y * dy;
  const squared = dx * dx + dy * dy;
  if (along <= 0n) return x * x + y * y <= radius;
  if (along >= squared) return (x - dx) * (x - dx) + (y - dy) * (y - dy) <= radius;
  const cross = x * dy - y * dx;
  return cross * cross <= radius * squared;
}
