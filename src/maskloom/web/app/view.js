/**
 * Where the image lies on the stage: one scale and the image point under the stage's corner.
 * Frames are in the names: `screen` is CSS px of the stage, `image` is px of the upright image.
 * It draws nothing; compositor.js does.
 */

export const MAX_SCALE = 64;
const MARGIN = 24;

/** @typedef {{x: number, y: number}} Point */
/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Box */

export class View {
  constructor() {
    this.scale = 1;
    /** Image point at the top left corner of the stage. */
    this.x = 0;
    this.y = 0;
    this.width = 1;
    this.height = 1;
    this.imageWidth = 1;
    this.imageHeight = 1;
    /** Stage px that tools cover on each side, left out when fitting. */
    this.inset = { left: 48, top: 0, right: 0, bottom: 40 };
    /** Whether the whole image was asked for, and nothing else since. */
    this.fitted = false;
    /** @type {() => void} sets `inset` to what covers the stage now. */
    this.measure = () => {};
    /** @type {() => void} */
    this.changed = () => {};
  }

  /** @param {number} width @param {number} height CSS px of the stage. */
  resize(width, height) {
    const { fitted } = this;
    const center = this.screenToImage({ x: this.width / 2, y: this.height / 2 });
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    this.x = center.x - this.width / 2 / this.scale;
    this.y = center.y - this.height / 2 / this.scale;
    if (fitted) this.fit();
    else this.changed();
  }

  /** @param {number} width @param {number} height px of the image that is open now. */
  open(width, height) {
    this.imageWidth = width;
    this.imageHeight = height;
    this.fit();
  }

  /** @param {Point} at @returns {Point} */
  screenToImage(at) {
    return { x: this.x + at.x / this.scale, y: this.y + at.y / this.scale };
  }

  /** @param {Point} at @returns {Point} */
  imageToScreen(at) {
    return { x: (at.x - this.x) * this.scale, y: (at.y - this.y) * this.scale };
  }

  /** The part of the image that is in view, px of the image. @returns {Box} */
  visible() {
    return {
      x0: Math.max(0, this.x),
      y0: Math.max(0, this.y),
      x1: Math.min(this.imageWidth, this.x + this.width / this.scale),
      y1: Math.min(this.imageHeight, this.y + this.height / this.scale),
    };
  }

  /**
   * Whether a box lies in view and not under what covers the stage.
   *
   * @param {Box} box px of the image.
   */
  shows(box) {
    const { left, top, right, bottom } = this.inset;
    const a = this.imageToScreen({ x: box.x0, y: box.y0 });
    const b = this.imageToScreen({ x: box.x1, y: box.y1 });
    const across = a.x >= left && b.x <= this.width - right;
    return across && a.y >= top && b.y <= this.height - bottom;
  }

  /** @param {number} dx @param {number} dy CSS px. */
  panBy(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.hold();
  }

  /**
   * Zoom so that the image point under the pointer stays there.
   *
   * @param {Point} at CSS px of the stage.
   * @param {number} factor
   */
  zoomAt(at, factor) {
    const fixed = this.screenToImage(at);
    this.scale = Math.min(MAX_SCALE, Math.max(this.smallest(), this.scale * factor));
    this.x = fixed.x - at.x / this.scale;
    this.y = fixed.y - at.y / this.scale;
    this.hold();
  }

  /** @param {number} factor around the middle of the stage. */
  zoom(factor) {
    this.zoomAt({ x: this.width / 2, y: this.height / 2 }, factor);
  }

  /** One px of the image is one CSS px, around the middle. */
  actual() {
    this.zoom(1 / this.scale);
  }

  /** The whole image, with a margin. */
  fit() {
    this.measure();
    this.frame({ x0: 0, y0: 0, x1: this.imageWidth, y1: this.imageHeight });
    this.fitted = true;
  }

  /**
   * Bring a box of the image into the free middle of the stage.
   *
   * @param {Box} box
   * @param {number} [most] largest scale to use.
   */
  frame(box, most = MAX_SCALE) {
    const { left, top, right, bottom } = this.inset;
    const free = {
      width: Math.max(32, this.width - left - right - 2 * MARGIN),
      height: Math.max(32, this.height - top - bottom - 2 * MARGIN),
    };
    const wanted = Math.min(
      free.width / Math.max(1, box.x1 - box.x0),
      free.height / Math.max(1, box.y1 - box.y0),
    );
    this.fitted = false;
    this.scale = Math.min(most, MAX_SCALE, wanted);
    this.x = (box.x0 + box.x1) / 2 - (left + MARGIN + free.width / 2) / this.scale;
    this.y = (box.y0 + box.y1) / 2 - (top + MARGIN + free.height / 2) / this.scale;
    this.changed();
  }

  /** The smallest scale allowed: the image at a quarter of the stage, or 1 if it is small. */
  smallest() {
    const whole = Math.min(this.width / this.imageWidth, this.height / this.imageHeight);
    return Math.min(1, whole / 4);
  }

  /** Keep some of the image in view. */
  hold() {
    this.fitted = false;
    const keep = 48 / this.scale;
    const width = this.width / this.scale;
    const height = this.height / this.scale;
    this.x = Math.min(this.imageWidth - keep, Math.max(keep - width, this.x));
    this.y = Math.min(this.imageHeight - keep, Math.max(keep - height, this.y));
    this.changed();
  }
}
