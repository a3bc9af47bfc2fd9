/**
 * The polygon: click corner by corner, or drag to draw freely; close it by a click on the first
 * corner, a double click or Enter. Corners lie on the 1/64 px grid. What becomes of the closed
 * ring is rings.js, moving the corners of an existing polygon is vertices.js.
 */

import { STEPS, toGrid } from "../../core/dab.js";
import { isEditable, whyFixed } from "../store.js";
import { drawHandle, NEAR } from "./handles.js";
import { closeRing } from "./rings.js";
import { Vertices } from "./vertices.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../view.js").Point} Point */

/** Between corners drawn freely, CSS px. */
const FREE_STEP = 8;
const DOUBLE_CLICK = 350;

/** @implements {Tool} */
export class Polygon {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.name = "polygon";
    this.label = "Polygon";
    this.cursor = "draw";
    this.edits = true;
    this.vertices = new Vertices(page);
    /** @type {Point[]} corners of a new ring, px of the image on the grid. */
    this.corners = [];
    /** @type {Point[]} the corners before the pointer went down. */
    this.kept = [];
    /** @type {Point | null} the pointer. */
    this.pointer = null;
    /** Index of the corner that is dragged, or -1. */
    this.dragged = -1;
    this.editing = false;
    this.pressed = 0;
  }

  hint() {
    const { corners } = this;
    if (corners.length === 0) {
      return this.vertices.hint() ?? "Click corner by corner, or drag to draw.";
    }
    if (corners.length < 3) return "Click the next corner. Esc gives up.";
    return "Click the first corner or press Enter to close. Backspace removes the last corner.";
  }

  /** @param {Point} a @param {Point} b px of the image. @returns {number} CSS px. */
  apart(a, b) {
    return Math.hypot(a.x - b.x, a.y - b.y) * this.page.view.scale;
  }

  /** @param {Point} at @returns {boolean} */
  isAtStart(at) {
    const [first] = this.corners;
    return this.corners.length > 2 && first !== undefined && this.apart(first, at) <= NEAR;
  }

  /** @param {Point} at @param {PointerEvent} event */
  down(at, event) {
    const { state } = this.page.store;
    if (!isEditable(state)) return this.page.tell(whyFixed(state));
    const { corners } = this;
    this.kept = [...corners];
    if (corners.length === 0 && this.vertices.down(at, event)) {
      this.editing = true;
      return;
    }
    const last = corners.at(-1);
    const again = event.timeStamp - this.pressed < DOUBLE_CLICK;
    this.pressed = event.timeStamp;
    const twice = again && corners.length > 2 && last && this.apart(last, at) <= NEAR;
    if (twice || this.isAtStart(at)) return this.close();
    this.dragged = corners.findIndex((corner) => this.apart(corner, at) <= NEAR);
    if (this.dragged < 0) corners.push(onGrid(at));
    this.changed();
  }

  /** @param {Point[]} points */
  move(points) {
    if (this.editing) return this.vertices.move(points);
    const { corners } = this;
    if (corners.length === 0) return;
    for (const at of points) {
      this.pointer = at;
      const last = corners.at(-1);
      if (this.dragged >= 0) corners[this.dragged] = onGrid(at);
      else if (last && this.apart(last, at) >= FREE_STEP) corners.push(onGrid(at));
    }
    this.page.draft.redraw();
  }

  /** @param {Point} at */
  up(at) {
    if (this.editing) this.vertices.up();
    else if (this.dragged < 0 && this.corners.length > 8 && this.isAtStart(at)) this.close();
    this.editing = false;
    this.dragged = -1;
  }

  /** @param {Point | null} at */
  hover(at) {
    this.pointer = at;
    if (this.corners.length) this.page.draft.redraw();
  }

  cancel() {
    this.kept = [];
    this.retract();
  }

  /** The press became something else, as two fingers that zoom: the ring stays as it was before. */
  retract() {
    this.vertices.cancel();
    this.corners = this.kept;
    this.pressed = 0;
    this.dragged = -1;
    this.editing = false;
    this.changed();
  }

  close() {
    const ring = this.corners.flatMap(({ x, y }) => [toGrid(x), toGrid(y)]);
    this.cancel();
    closeRing(this.page, ring);
  }

  /** @param {string} key @returns {boolean} */
  key(key) {
    if (this.corners.length === 0) return this.vertices.key(key);
    if (key === "Escape") this.cancel();
    else if (key === "Enter" && this.corners.length > 2) this.close();
    else if (key === "Backspace" || key === "Delete" || key === "Ctrl+Z") {
      this.corners.pop();
      this.changed();
    } else return false;
    return true;
  }

  changed() {
    this.page.draft.redraw();
    this.page.rehint();
  }

  /** @param {CanvasRenderingContext2D} context */
  draw(context) {
    const { corners, pointer, page } = this;
    if (corners.length === 0) return this.vertices.draw(context);
    const places = corners.map((corner) => page.view.imageToScreen(corner));
    const end = pointer ? page.view.imageToScreen(pointer) : null;
    const path = new Path2D();
    places.forEach(({ x, y }, i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
    if (end) path.lineTo(end.x, end.y);
    context.fillStyle = "rgb(255 255 255 / 16%)";
    context.fill(path);
    page.draft.line(path, "#ffffff");
    const closes = pointer !== null && this.isAtStart(pointer);
    places.forEach((place, i) => drawHandle(context, place, i === 0 && closes ? 7 : 3.5, i === 0));
  }
}

/** @typedef {import("../page.js").Tool} Tool */

/** @param {Point} at @returns {Point} the nearest point of the grid. */
function onGrid(at) {
  return { x: toGrid(at.x) / STEPS, y: toGrid(at.y) / STEPS };
}
