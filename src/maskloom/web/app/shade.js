/**
 * From cells to colours: a clear fill and an outline of two lines, the class colour and beside it
 * black or white, so that it is seen on every image. Magnified tiles draw the outline finer than a
 * pixel of the image, along its edges. Which object is where comes from stamp.js.
 */

/** @typedef {import("./stamp.js").Cells} Cells */

/** Opacity of what a region in review is not about, times that of its layer. */
export const FAINT = 0.3;

/**
 * How one object looks; colours as 0xAABBGGRR.
 *
 * @typedef {object} Style
 * @property {number} fill
 * @property {number} line
 * @property {number} contrast second line.
 * @property {boolean} hatched filled in stripes: void.
 * @property {boolean} dashed one line in both colours by turns: a layer that is only compared.
 */

/**
 * @typedef {object} Target
 * @property {Uint32Array} pixels RGBA, row by row.
 * @property {number} width px of the tile drawn.
 * @property {number} height
 * @property {number} left of the first pixel in the grid of the tile's level.
 * @property {number} top
 * @property {number} magnify 2^magnify pixels of the tile are one cell.
 * @property {number} thick px of each line.
 */

/**
 * Draw the cells of one layer over what is there.
 *
 * @param {Target} target
 * @param {Cells} cells with a margin of at least `reach(target)` cells on each side.
 * @param {Style[]} styles by id; id 0 is not drawn.
 */
export function shade(target, cells, styles) {
  const { magnify, width, height, left, top } = target;
  const { ids, rows } = cells;
  const far = reach(target);
  const lastRow = (top + height - 1) >> magnify;
  for (let column = left >> magnify; column <= (left + width - 1) >> magnify; column++) {
    const base = (column - cells.left) * rows - cells.top;
    const x0 = Math.max(0, (column << magnify) - left);
    const x1 = Math.min(width, ((column + 1) << magnify) - left);
    for (let row = top >> magnify; row <= lastRow; row++) {
      const id = ids[base + row] ?? 0;
      if (id === 0) continue;
      const style = /** @type {Style} */ (styles[id]);
      const y0 = Math.max(0, (row << magnify) - top);
      const y1 = Math.min(height, ((row + 1) << magnify) - top);
      const border = distance(ids, base + row, rows, id, far);
      if (border > far) fillBlock(target, x0, x1, y0, y1, style);
      else if (magnify === 0) put(target, x0, y0, border <= target.thick ? 1 : 2, style);
      else drawBlock(target, cells, x0, x1, y0, y1, id, style);
    }
  }
}

/**
 * Cells that an outline looks beyond its own.
 *
 * @param {{magnify: number, thick: number}} target
 * @returns {number}
 */
export function reach({ magnify, thick }) {
  return Math.ceil((2 * thick) / (1 << magnify));
}

/**
 * How far the nearest cell of another id is, up and down or left and right.
 *
 * @param {Int32Array} ids @param {number} at @param {number} rows @param {number} id
 * @param {number} far
 * @returns {number} 1 to far, or far + 1.
 */
function distance(ids, at, rows, id, far) {
  for (let d = 1; d <= far; d++) {
    if (
      ids[at - d] !== id ||
      ids[at + d] !== id ||
      ids[at - d * rows] !== id ||
      ids[at + d * rows] !== id
    ) {
      return d;
    }
  }
  return far + 1;
}

/** @param {Target} target @param {number} x0 @param {number} x1 @param {number} y0
 * @param {number} y1 @param {Style} style */
function fillBlock(target, x0, x1, y0, y1, style) {
  for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) put(target, x, y, 0, style);
}

/**
 * A magnified cell at the border of its object.
 *
 * @param {Target} target @param {Cells} cells @param {number} x0 @param {number} x1
 * @param {number} y0 @param {number} y1 @param {number} id @param {Style} style
 */
function drawBlock(target, cells, x0, x1, y0, y1, id, style) {
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      put(target, x, y, ringOf(target, cells, x + target.left, y + target.top, id), style);
    }
  }
}

/**
 * 1 on the outer line, 2 on the inner one, 0 inside.
 *
 * @param {Target} target @param {Cells} cells @param {number} x @param {number} y
 * @param {number} id
 */
function ringOf({ magnify, thick }, { ids, rows, left, top }, x, y, id) {
  const column = ((x >> magnify) - left) * rows - top;
  const row = y >> magnify;
  for (let d = 1; d <= 2 * thick; d++) {
    if (
      ids[column + ((y - d) >> magnify)] !== id ||
      ids[column + ((y + d) >> magnify)] !== id ||
      ids[(((x - d) >> magnify) - left) * rows - top + row] !== id ||
      ids[(((x + d) >> magnify) - left) * rows - top + row] !== id
    ) {
      return d <= thick ? 1 : 2;
    }
  }
  return 0;
}

/**
 * @param {Target} target @param {number} x @param {number} y
 * @param {number} ring 0 inside, 1 and 2 the lines.
 * @param {Style} style
 */
function put(target, x, y, ring, style) {
  let color = style.fill;
  if (ring > 0 || style.hatched) {
    const stripe = (x + target.left + y + target.top) & 7;
    if (ring === 1) color = style.dashed && stripe > 4 ? style.contrast : style.line;
    else if (ring === 2 && !style.dashed) color = style.contrast;
    else if (style.hatched && stripe > 3) return;
  }
  const alpha = color >>> 24;
  if (alpha === 0) return;
  const at = y * target.width + x;
  const below = target.pixels[at] ?? 0;
  target.pixels[at] = below === 0 || alpha === 255 ? color : over(color, below);
}

/**
 * One clear colour over another, neither multiplied by its alpha.
 *
 * @param {number} color @param {number} below
 * @returns {number}
 */
function over(color, below) {
  const a = (color >>> 24) / 255;
  const b = ((below >>> 24) / 255) * (1 - a);
  const sum = a + b;
  /** @param {number} shift */
  const mix = (shift) =>
    Math.round((((color >>> shift) & 255) * a + ((below >>> shift) & 255) * b) / sum) << shift;
  return (mix(0) | mix(8) | mix(16) | (Math.round(sum * 255) << 24)) >>> 0;
}

/** @param {readonly number[]} rgb @param {number} alpha 0 to 1. @returns {number} */
function pack(rgb, alpha) {
  const [r = 0, g = 0, b = 0] = rgb;
  return ((Math.round(alpha * 255) << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** Perceived brightness, 0 to 1. @param {readonly number[]} rgb */
export function brightness([r = 0, g = 0, b = 0]) {
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}

/**
 * The look of an object.
 *
 * @param {readonly number[]} rgb of its class.
 * @param {{opacity: number, fill: boolean, dashed: boolean, hatched: boolean, selected: boolean,
 *   faint: boolean}} how
 * @returns {Style}
 */
export function styleFor(rgb, { opacity, fill, dashed, hatched, selected, faint }) {
  const contrast = brightness(rgb) > 0.4 ? [0, 0, 0] : [255, 255, 255];
  const amount = faint ? FAINT : 1;
  const strong = opacity === 0 ? 0 : amount;
  if (selected) {
    return {
      fill: fill ? pack(rgb, Math.min(1, opacity + 0.15)) : 0,
      line: pack([255, 255, 255], 1),
      contrast: pack([0, 0, 0], 1),
      hatched,
      dashed: false,
    };
  }
  return {
    fill: fill ? pack(rgb, opacity * amount) : 0,
    line: pack(rgb, strong),
    contrast: pack(contrast, (dashed ? 0.9 : 0.55) * strong),
    hatched,
    dashed,
  };
}
