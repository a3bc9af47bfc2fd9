/**
 * Corners of polygons on the stage: where they are, which one is hit, how they look.
 * Rings are x, y, x, y, ... in 1/64 px of the image.
 */

import { STEPS } from "../../core/dab.js";

/** @typedef {import("../view.js").Point} Point */
/** @typedef {import("../view.js").View} View */
/** @typedef {{ring: number, at: number}} Place which ring, and the index of x in it. */

/** CSS px within which a handle is hit by a mouse; fingers hit twice as far. */
export const NEAR = 9;
/** Edges shorter than this have no handle in the middle, CSS px. */
const SHORT = 28;

/** @param {number[]} ring @param {number} i index of x. @returns {Point} px of the image. */
export function cornerOf(ring, i) {
  return { x: (ring[i] ?? 0) / STEPS, y: (ring[i + 1] ?? 0) / STEPS };
}

/** @param {number[]} ring @param {number} i index of x. @returns {Point} of the edge after it. */
export function middleOf(ring, i) {
  const a = cornerOf(ring, i);
  const b = cornerOf(ring, (i + 2) % ring.length);
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

/**
 * The handle nearest to a point, if it is near enough.
 *
 * @param {number[][]} rings @param {Point} at px of the image. @param {number} reach px of the image.
 * @param {(ring: number[], i: number) => Point} pointOf
 * @returns {Place | null}
 */
export function nearest(rings, at, reach, pointOf) {
  let best = reach;
  /** @type {Place | null} */
  let found = null;
  rings.forEach((ring, r) => {
    for (let i = 0; i < ring.length; i += 2) {
      const point = pointOf(ring, i);
      const distance = Math.hypot(point.x - at.x, point.y - at.y);
      if (distance > best) continue;
      best = distance;
      found = { ring: r, at: i };
    }
  });
  return found;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point} at CSS px.
 * @param {number} radius
 * @param {boolean} [filled] the one that keys act on.
 */
export function drawHandle(context, at, radius, filled = false) {
  context.beginPath();
  context.arc(at.x, at.y, radius, 0, 2 * Math.PI);
  context.fillStyle = filled ? "#2458d3" : "#ffffff";
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = filled ? "#ffffff" : "#1b1f24";
  context.stroke();
}

/**
 * Handles on the corners in view, and small ones in the middle of long edges.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {number[][]} rings
 * @param {Place | null} active
 */
export function drawHandles(context, view, rings, active) {
  const { x0, y0, x1, y1 } = view.visible();
  rings.forEach((ring, r) => {
    for (let i = 0; i < ring.length; i += 2) {
      const corner = cornerOf(ring, i);
      if (corner.x < x0 || corner.x > x1 || corner.y < y0 || corner.y > y1) continue;
      const place = view.imageToScreen(corner);
      const next = view.imageToScreen(cornerOf(ring, (i + 2) % ring.length));
      if (Math.hypot(place.x - next.x, place.y - next.y) > SHORT) {
        drawHandle(context, { x: (place.x + next.x) / 2, y: (place.y + next.y) / 2 }, 2);
      }
      drawHandle(context, place, 4, active?.ring === r && active.at === i);
    }
  });
}
