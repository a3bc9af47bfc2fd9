/**
 * One stroke of the brush or the eraser, from the pointer going down to its going up: the pixels
 * under the path, what is shown of them meanwhile, and the one change that they become.
 * brush.js decides which object a stroke is for.
 */

import { count, intersection, joinBoxes } from "../../core/bits.js";
import { TILE, tilePlace } from "../../core/codec.js";
import { MIN_RADIUS, paintCapsule, STEPS, toGrid } from "../../core/dab.js";
import { carve, createObject, maskIn, paint } from "../../core/gestures.js";
import { newUid } from "../../core/operations.js";
import { Draft } from "../draft.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../view.js").Point} Point */
/** @typedef {import("../../core/operations.js").Change} Change */

/**
 * @typedef {object} Aim
 * @property {string} uid that gains or loses pixels; "" when an eraser takes from all classes.
 * @property {string | null} category of a new object, null of one that exists.
 * @property {"add" | "remove"} way
 * @property {boolean} exclusive whether all others give way.
 * @property {string} [joins] uid of the object that gets the pixels instead if the stroke touches it.
 */

export class Stroke {
  /** @param {Page} page @param {Aim} aim @param {number} size diameter in px of the image. */
  constructor(page, aim, size) {
    const document = page.opened.document;
    if (!document) throw new Error("no document is open");
    this.page = page;
    this.document = document;
    this.aim = aim;
    this.radius = Math.max(MIN_RADIUS, Math.round((size * STEPS) / 2));
    /** @type {import("../../core/bits.js").Mask} */
    this.mask = new Map();
    /** @type {[number, number] | null} */
    this.last = null;
    this.draft = this.begin();
  }

  /** uid of the object that the stroke makes, null if it goes on with one. */
  get fresh() {
    return this.aim.category !== null && this.document.form === "rows" ? this.aim.uid : null;
  }

  /** Show what the stroke would change from here on. @returns {Draft} */
  begin() {
    const { aim, document, fresh } = this;
    const draft = new Draft(document, fresh ? { uid: fresh, category: aim.category } : null);
    this.page.layers.draft = draft;
    return draft;
  }

  /** Go on with the object that the stroke came upon, if it has. @returns {boolean} */
  join() {
    const { joins: uid } = this.aim;
    if (!uid) return false;
    const own = maskIn(this.document, uid, this.mask.keys());
    if (count(intersection(own, this.mask)) === 0) return false;
    const { way, exclusive } = this.aim;
    this.aim = { uid, category: null, way, exclusive };
    this.draft = this.begin();
    return true;
  }

  /** @param {Point[]} points px of the image. */
  extend(points) {
    /** @type {Set<string>} */
    const touched = new Set();
    /** @type {import("../view.js").Box | null} */
    let box = null;
    for (const point of points) {
      /** @type {[number, number]} */
      const at = [toGrid(point.x), toGrid(point.y)];
      const from = this.last ?? at;
      paintCapsule(this.mask, from, at, this.radius, this.document.size);
      const part = around(from, at, this.radius);
      for (const key of keysIn(part, this.document.size)) touched.add(key);
      box = box ? joinBoxes(box, part) : part;
      this.last = at;
    }
    if (!box) return;
    if (!this.join()) this.show(touched, box);
    else {
      const [height, width] = this.document.size;
      this.show(new Set(this.mask.keys()), { x0: 0, y0: 0, x1: width, y1: height });
    }
  }

  /**
   * Draw again what looks different: of a large brush mostly its rim.
   *
   * @param {Set<string>} keys tiles where the mask may have grown.
   * @param {import("../view.js").Box} box where the brush was.
   */
  show(keys, box) {
    const { uid, way, exclusive } = this.aim;
    const changed = new Set(uid ? this.draft.paint(uid, this.mask, way, keys) : []);
    if (exclusive) {
      for (const key of this.draft.carve(this.mask, (one) => one !== uid, keys)) changed.add(key);
    }
    for (const key of changed) {
      const [tx, ty] = tilePlace(key);
      this.page.compositor.repaint({
        x0: Math.max(box.x0, tx * TILE),
        y0: Math.max(box.y0, ty * TILE),
        x1: Math.min(box.x1, (tx + 1) * TILE),
        y1: Math.min(box.y1, (ty + 1) * TILE),
      });
    }
  }

  /**
   * Make it one operation on the document as it is now.
   *
   * @param {string} kind
   * @returns {string | null} uid of the object that was painted.
   */
  finish(kind) {
    this.end();
    const { opened } = this.page;
    const { mask, aim } = this;
    const document = opened.document;
    if (!document || count(mask) === 0) return null;
    const target = this.target(document);
    const others = aim.exclusive ? carve(document, mask, (uid) => uid !== aim.uid) : [];
    const made = opened.change(kind, [...(target ? [target] : []), ...others]);
    return made ? (target?.object ?? null) : null;
  }

  /**
   * @param {import("../../core/document.js").Document} document
   * @returns {Change | null}
   */
  target(document) {
    const { mask, aim } = this;
    if (!aim.uid) return null;
    if (document.objects.has(aim.uid)) return paint(document, aim.uid, mask, aim.way);
    if (aim.way === "remove") return null;
    // Somebody may have deleted the object meanwhile: the stroke then is one of its own.
    const lost = document.deleted.get(aim.uid);
    const uid = lost ? newUid() : aim.uid;
    const category = aim.category ?? lost?.category ?? "";
    return createObject(uid, mask, category, { z: document.frontZ() });
  }

  /** Show the document as it is again. */
  end() {
    this.page.layers.draft = null;
    this.page.layers.repaintTiles(this.mask.keys());
  }
}

/**
 * @param {[number, number]} a @param {[number, number]} b @param {number} radius in steps.
 * @returns {import("../view.js").Box} px of the image.
 */
function around(a, b, radius) {
  return {
    x0: Math.floor((Math.min(a[0], b[0]) - radius) / STEPS),
    y0: Math.floor((Math.min(a[1], b[1]) - radius) / STEPS),
    x1: Math.ceil((Math.max(a[0], b[0]) + radius) / STEPS),
    y1: Math.ceil((Math.max(a[1], b[1]) + radius) / STEPS),
  };
}

/**
 * Keys of the tiles of the frame that a box meets.
 *
 * @param {import("../view.js").Box} box @param {[number, number]} size
 * @returns {string[]}
 */
function keysIn(box, [height, width]) {
  const keys = [];
  const last = { x: Math.min(box.x1, width) - 1, y: Math.min(box.y1, height) - 1 };
  for (let tx = Math.max(0, box.x0 >> 8); tx * TILE <= last.x; tx++) {
    for (let ty = Math.max(0, box.y0 >> 8); ty * TILE <= last.y; ty++) keys.push(`${tx},${ty}`);
  }
  return keys;
}
