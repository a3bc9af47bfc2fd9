/**
 * The canvas above the scene, for what is not in a document: a polygon being drawn, vertices, the
 * frame of a region in review, both sides of a conflict. It is cleared and drawn anew when asked,
 * in CSS px. What each part looks like is drawn by its owner.
 */

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./view.js").Box} Box */
/** @typedef {(context: CanvasRenderingContext2D) => void} Painter */

export class DraftView {
  /** @param {HTMLCanvasElement} canvas @param {View} view */
  constructor(canvas, view) {
    this.canvas = canvas;
    this.view = view;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser has no canvas");
    this.context = context;
    this.ratio = 1;
    /** @type {Painter[]} drawn in order. */
    this.painters = [];
    this.waiting = false;
    this.empty = true;
  }

  /** @param {number} width @param {number} height CSS px. @param {number} ratio */
  resize(width, height, ratio) {
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.redraw();
  }

  /** Draw in the next frame. */
  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  draw() {
    const { context, canvas, ratio } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.lineJoin = "round";
    for (const paint of this.painters) {
      context.save();
      paint(context);
      context.restore();
    }
  }

  /**
   * A line that is seen on every image: the colour over a dark, wider one.
   *
   * @param {Path2D} path
   * @param {string} color
   * @param {number[]} [dash]
   * @param {number} [width] CSS px of the coloured line.
   */
  line(path, color, dash = [], width = 1.5) {
    const { context } = this;
    context.setLineDash([]);
    context.strokeStyle = "rgb(0 0 0 / 65%)";
    context.lineWidth = width + 2;
    context.stroke(path);
    context.setLineDash(dash);
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke(path);
    context.setLineDash([]);
  }

  /** @param {Box} box px of the image. @returns {Path2D} */
  framePath(box) {
    const a = this.view.imageToScreen({ x: box.x0, y: box.y0 });
    const b = this.view.imageToScreen({ x: box.x1, y: box.y1 });
    const path = new Path2D();
    const gap = 6;
    path.roundRect(a.x - gap, a.y - gap, b.x - a.x + 2 * gap, b.y - a.y + 2 * gap, 4);
    return path;
  }
}
