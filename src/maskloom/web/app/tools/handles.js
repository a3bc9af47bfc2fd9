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
/** Of the square on a corner, CSS px. */
const SIDE = 7;

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
 * Handles on the corners in view, and small ones in the middle of long edges. They are squares in
 * one path: hundreds of them are redrawn in every frame of a drag.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {number[][]} rings
 * @param {Place | null} active
 */
export function drawHandles(context, view, rings, active) {
  const path = new Path2D();
  const add = (/** @type {Point} */ { x, y }, /** @type {number} */ side) => {
    path.rect(Math.round(x - side / 2) + 0.5, Math.round(y - side / 2) + 0.5, side, side);
  };
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      const place = view.imageToScreen(cornerOf(ring, i));
      if (place.x < -SIDE || place.x > view.width + SIDE) continue;
      if (place.y < -SIDE || place.y > view.height + SIDE) continue;
      const next = view.imageToScreen(cornerOf(ring, (i + 2) % ring.length));
      add(place, SIDE);
      if (Math.hypot(place.x - next.x, place.y - next.y) < SHORT) continue;
      add({ x: (place.x + next.x) / 2, y: (place.y + next.y) / 2 }, SIDE / 2);
    }
  }
  context.fillStyle = "#ffffff";
  context.strokeStyle = "#1b1f24";
  context.lineWidth = 1;
  context.fill(path);
  context.stroke(path);
  const ring = active ? rings[active.ring] : null;
  if (ring && active) drawHandle(context, view.imageToScreen(cornerOf(ring, active.at)), 5, true);
}
