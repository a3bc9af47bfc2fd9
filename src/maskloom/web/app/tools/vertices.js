/**
 * Corners of the selected polygon: drag one, drag the middle of an edge to insert one, Alt-click
 * or Delete to remove one, arrow keys to nudge it. Each is one operation. Drawing new polygons is
 * polygon.js, how corners look handles.js.
 */

import { count, fromTiles, toggle } from "../../core/bits.js";
import { STEPS, toGrid } from "../../core/dab.js";
import { fillPolygon } from "../../core/fill.js";
import { carve, replacePixels } from "../../core/gestures.js";
import { Draft } from "../draft.js";
import { isEditable } from "../store.js";
import { cornerOf, drawHandles, middleOf, NEAR, nearest } from "./handles.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../view.js").Point} Point */
/** @typedef {import("../../core/fill.js").Geometry} Geometry */
/** @typedef {import("./handles.js").Place} Place */

export class Vertices {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    /** @type {Place | null} the corner in hand or chosen last. */
    this.active = null;
    /** @type {number[][] | null} rings while a corner is dragged. */
    this.rings = null;
    /** @type {import("../../core/bits.js").Mask} what `rings` fill. */
    this.mask = new Map();
    /** The polygon's own rings when the drag began, as JSON. */
    this.began = "";
    /** uid of the polygon that `active` is of. */
    this.uid = "";
  }

  /** Of the selected object, if it is a polygon. @returns {Geometry | null} */
  geometry() {
    const { selected } = this.page.store.state;
    if (selected !== this.uid) this.active = null;
    this.uid = selected ?? "";
    return (selected && this.page.opened.document?.objects.get(selected)?.geometry) || null;
  }

  /** @returns {string | null} */
  hint() {
    if (!this.geometry()) return null;
    return "Drag a corner or the middle of an edge. Alt-click removes a corner.";
  }

  /** @param {Point} at @param {PointerEvent} event @returns {boolean} whether a handle was hit. */
  down(at, event) {
    const shape = this.geometry();
    if (!shape || !isEditable(this.page.store.state)) return false;
    const reach = (event.pointerType === "touch" ? 2 * NEAR : NEAR) / this.page.view.scale;
    const corner = nearest(shape.rings, at, reach, cornerOf);
    const middle = corner ? null : nearest(shape.rings, at, reach, middleOf);
    if (corner && event.altKey) this.remove(corner);
    else if (corner) this.active = corner;
    else if (middle) this.active = { ring: middle.ring, at: middle.at + 2 };
    else return false;
    if (event.altKey) return true;
    this.begin(shape);
    if (middle) {
      // The new corner begins on its neighbour, where it changes no pixel.
      const line = this.rings?.[middle.ring] ?? [];
      line.splice(middle.at + 2, 0, line[middle.at] ?? 0, line[middle.at + 1] ?? 0);
      this.moveCorner(toGrid(at.x), toGrid(at.y));
    }
    this.page.draft.redraw();
    return true;
  }

  /** @param {Geometry} shape */
  begin(shape) {
    this.rings = copyOf(shape);
    this.began = JSON.stringify(shape.rings);
    this.mask = fromTiles(this.page.opened.document?.held(this.uid).tiles ?? new Map());
  }

  /** @param {Point[]} points */
  move(points) {
    const at = points.at(-1);
    if (at) this.moveCorner(toGrid(at.x), toGrid(at.y));
  }

  /**
   * Fills are parities of crossings, so two polygons that differ in one corner differ by the filling
   * of the ring through its neighbours and its old and new place: what a drag costs depends on how
   * far the corner goes, not on the polygon.
   *
   * @param {number} x 1/64 px.
   * @param {number} y
   */
  moveCorner(x, y) {
    const { document } = this.page.opened;
    const line = this.active && this.rings?.[this.active.ring];
    if (!this.active || !line || !document) return;
    const { at } = this.active;
    const [before, after] = [(at || line.length) - 2, (at + 2) % line.length];
    const place = (/** @type {number} */ i) => [line[i] ?? 0, line[i + 1] ?? 0];
    const ring = [...place(before), ...place(at), ...place(after), x, y];
    line.splice(at, 2, x, y);
    const changed = fillPolygon({ rule: "grid", rings: [ring] }, document.size);
    toggle(this.mask, changed);
    this.preview(changed.keys());
  }

  up() {
    const next = this.rings;
    const now = this.geometry();
    if (!next || !this.active || JSON.stringify(next) === this.began) return this.forget();
    if (JSON.stringify(now?.rings) === this.began) return this.save(next);
    // These rings hold the old corners: they would undo what the other person did.
    this.forget();
    this.page.tell("Somebody changed this polygon meanwhile. Drag the corner again.");
  }

  cancel() {
    if (this.rings) this.forget();
  }

  /** @param {string} key @returns {boolean} whether it was for the active corner. */
  key(key) {
    const shape = this.geometry();
    if (!this.active || !shape || this.rings || !isEditable(this.page.store.state)) return false;
    if (key === "Delete" || key === "Backspace") this.remove(this.active);
    else if (key === "Escape") {
      this.active = null;
      this.page.draft.redraw();
    } else if (key.startsWith("Arrow")) this.save(nudged(copyOf(shape), this.active, key));
    else return false;
    return true;
  }

  /** @param {CanvasRenderingContext2D} context */
  draw(context) {
    const shape = this.geometry();
    if (shape) drawHandles(context, this.page.view, this.rings ?? shape.rings, this.active);
  }

  /** @param {Place} place */
  remove({ ring, at }) {
    const next = copyOf(this.geometry());
    const line = next[ring];
    if (!line) return;
    if (line.length > 6) line.splice(at, 2);
    else if (next.length > 1) next.splice(ring, 1);
    else return this.page.tell("A polygon has at least three corners.");
    this.active = null;
    this.save(next);
  }

  /** Show the object as the rings would make it. @param {Iterable<string>} keys of other tiles. */
  preview(keys) {
    const { opened, layers, store } = this.page;
    if (!opened.document?.objects.has(this.uid)) return;
    const draft = new Draft(opened.document);
    draft.replace(this.uid, this.mask);
    if (store.state.exclusive) draft.carve(this.mask, (uid) => uid !== this.uid);
    layers.draft = draft;
    layers.repaintTiles(keys);
    this.page.draft.redraw();
  }

  /** Show the object as it is. */
  forget() {
    const { layers } = this.page;
    const keys = layers.draft?.masks.get(this.uid)?.keys() ?? [];
    this.rings = null;
    layers.draft = null;
    layers.repaintTiles(keys);
    this.page.draft.redraw();
  }

  /** Make it one operation. @param {number[][]} rings */
  save(rings) {
    this.forget();
    const { opened, store, tell } = this.page;
    const { document } = opened;
    if (!document?.objects.has(this.uid)) return;
    /** @type {Geometry} */
    const made = { rule: "grid", rings };
    const mask = fillPolygon(made, document.size);
    if (count(mask) === 0) return tell("The polygon would hold no pixel, so it stays.");
    const { exclusive } = store.state;
    const others = exclusive ? carve(document, mask, (uid) => uid !== this.uid) : [];
    opened.change("polygon", [replacePixels(document, this.uid, mask, made), ...others]);
  }
}

/** @param {Geometry | null} shape @returns {number[][]} */
function copyOf(shape) {
  return (shape?.rings ?? []).map((ring) => [...ring]);
}

/** @param {number[][]} rings changed. @param {Place} place @param {string} key an arrow. */
function nudged(rings, { ring, at }, key) {
  const line = rings[ring] ?? [];
  const axis = key === "ArrowLeft" || key === "ArrowRight" ? at : at + 1;
  const step = key === "ArrowLeft" || key === "ArrowUp" ? -STEPS : STEPS;
  line[axis] = (line[axis] ?? 0) + step;
  return rings;
}
