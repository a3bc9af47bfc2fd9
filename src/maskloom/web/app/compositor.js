/**
 * Draws the scene: the image, then the masks, at most once a frame and only where it changed.
 * Pictures of masks are made within a budget; what is not ready is drawn in the next frames.
 */

import { ImageTiles } from "./imagetiles.js";
import { join, MaskTiles } from "./masktiles.js";
import { FAINT } from "./shade.js";

/** ms a frame for making pictures of masks. */
const BUDGET = 6;
/** Device px around what changed that are drawn again too. */
const MARGIN = 8;

/** @typedef {import("./view.js").Box} Box */

export class Compositor {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./view.js").View} view
   */
  constructor(canvas, view) {
    this.canvas = canvas;
    this.view = view;
    const context = canvas.getContext("2d", { alpha: false, desynchronized: false });
    if (!context) throw new Error("this browser has no canvas");
    this.context = context;
    this.images = new ImageTiles(
      (box) => this.redraw(box),
      (error) => this.failed(error),
    );
    this.masks = new MaskTiles();
    this.ratio = 1;
    /** @type {(error: Error) => void} called when a part of the image could not be had. */
    this.failed = () => {};
    this.ground = "";
    /** Colour of the image where nothing of it is there yet. */
    this.sheet = "";
    /** @type {Box | null} px of the image that must be drawn again. */
    this.dirty = null;
    this.everything = false;
    this.waiting = false;
    /** @type {() => Box | null} px of the image outside of which masks are faint. */
    this.focus = () => null;
    /** @type {() => void} called after the whole view was drawn. */
    this.drawn = () => {};
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.adopt());
    this.adopt();
  }

  /** Take the colours around the image, and of its place, from the style sheet. */
  adopt() {
    const style = getComputedStyle(this.canvas);
    this.ground = style.getPropertyValue("--stage").trim();
    this.sheet = style.getPropertyValue("--sheet").trim();
    this.redraw();
  }

  /** @param {number} width @param {number} height CSS px. @param {number} ratio */
  resize(width, height, ratio) {
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.redraw();
  }

  /** Masks changed. @param {Box} [box] px of the image; everything if left out. */
  repaint(box) {
    if (box) this.masks.invalidate(box);
    else this.masks.clear();
    this.redraw(box);
  }

  /** Draw again. @param {Box} [box] px of the image; everything if left out. */
  redraw(box) {
    if (box) this.dirty = join(this.dirty, box);
    else this.everything = true;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => this.frame());
  }

  frame() {
    this.waiting = false;
    const { context, view, ratio, canvas, dirty } = this;
    const all = this.everything || !dirty;
    const box = all ? view.visible() : clipped(this.widened(dirty), view.visible());
    this.everything = false;
    this.dirty = null;
    context.save();
    if (!all) this.clip(box);
    context.fillStyle = this.ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.save();
    this.clip({ x0: 0, y0: 0, x1: view.imageWidth, y1: view.imageHeight });
    context.fillStyle = this.sheet;
    context.fillRect(0, 0, canvas.width, canvas.height);
    this.images.draw(context, view, ratio);
    const deadline = performance.now() + BUDGET;
    const whole = this.drawMasks({ box, deadline });
    context.restore();
    context.restore();
    if (!whole) this.redraw(all ? undefined : box);
    if (all) this.drawn();
  }

  /** The masks; faint around what stands out. @param {{box: Box, deadline: number}} part */
  drawMasks(part) {
    const { context, view, ratio, masks } = this;
    const focus = this.focus();
    if (!focus) return masks.draw(context, view, ratio, part);
    context.save();
    context.globalAlpha = FAINT;
    this.clip({ x0: 0, y0: 0, x1: view.imageWidth, y1: view.imageHeight }, focus);
    const around = masks.draw(context, view, ratio, part);
    context.restore();
    context.save();
    this.clip(focus);
    const whole = masks.draw(context, view, ratio, part);
    context.restore();
    return whole && around;
  }

  /** A box with room for outlines and rounding. @param {Box} box @returns {Box} */
  widened(box) {
    const margin = MARGIN / (this.view.scale * this.ratio);
    return { x0: box.x0 - margin, y0: box.y0 - margin, x1: box.x1 + margin, y1: box.y1 + margin };
  }

  /** Draw only in a box of the image, to whole device px. @param {Box} box @param {Box} [hole] */
  clip(box, hole) {
    const { context, view } = this;
    const dense = view.scale * this.ratio;
    context.beginPath();
    for (const one of hole ? [box, hole] : [box]) {
      const left = Math.round((one.x0 - view.x) * dense);
      const top = Math.round((one.y0 - view.y) * dense);
      const right = Math.round((one.x1 - view.x) * dense);
      const bottom = Math.round((one.y1 - view.y) * dense);
      context.rect(left, top, right - left, bottom - top);
    }
    context.clip("evenodd");
  }
}

/** @param {Box} a @param {Box} b @returns {Box} */
function clipped(a, b) {
  return {
    x0: Math.max(a.x0, b.x0),
    y0: Math.max(a.y0, b.y0),
    x1: Math.min(a.x1, b.x1),
    y1: Math.min(a.y1, b.y1),
  };
}
