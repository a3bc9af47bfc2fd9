/**
 * The masks as 256 px pictures, made from the documents when they come into view, kept while they
 * are used, and made again only where something changed. All layers share one picture a tile, so
 * that memory stays bounded however many layers are shown.
 */

import { reach, shade } from "./shade.js";

const SIDE = 256;
const KEPT = 200;
const IN_VIEW = 160;
/** Magnified up to 16 times; beyond that pixels of the image are large enough. */
const FINEST = -4;

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./view.js").Box} Box */
/** @typedef {import("./stamp.js").Cells} Cells */
/** @typedef {{level: number, x: number, y: number, key: string}} Place */
/** @typedef {{place: Place, context: CanvasRenderingContext2D, stale: Box | null}} Tile */

/**
 * What a layer gives to be drawn.
 *
 * @typedef {{stamp: (cells: Cells) => import("./shade.js").Style[]}} Picture
 */

export class MaskTiles {
  constructor() {
    /** @type {Picture[]} lowest first. */
    this.layers = [];
    /** @type {Map<string, Tile>} oldest use first. */
    this.tiles = new Map();
    this.thick = 1;
    this.pixels = new Uint32Array(SIDE * SIDE);
    this.ids = new Int32Array((SIDE + 16) ** 2);
  }

  /** Forget every picture. */
  clear() {
    this.tiles.clear();
  }

  /**
   * Note that masks changed.
   *
   * @param {Box} box px of the image.
   */
  invalidate(box) {
    for (const tile of this.tiles.values()) {
      const { level, x, y } = tile.place;
      const unit = 2 ** level;
      const margin = 1 + 2 * this.thick;
      const part = {
        x0: Math.max(0, Math.floor(box.x0 / unit) - x * SIDE - margin),
        y0: Math.max(0, Math.floor(box.y0 / unit) - y * SIDE - margin),
        x1: Math.min(SIDE, Math.ceil(box.x1 / unit) - x * SIDE + margin),
        y1: Math.min(SIDE, Math.ceil(box.y1 / unit) - y * SIDE + margin),
      };
      if (part.x0 < part.x1 && part.y0 < part.y1) tile.stale = join(tile.stale, part);
    }
  }

  /**
   * Draw the tiles in a box; those that are not ready by the deadline are drawn as they were.
   *
   * @param {CanvasRenderingContext2D} context in device px.
   * @param {View} view
   * @param {number} ratio device px per CSS px.
   * @param {{box: Box, deadline: number}} part
   * @returns {boolean} whether everything drawn is up to date.
   */
  draw(context, view, ratio, { box, deadline }) {
    if (this.layers.length === 0) return true;
    const dense = view.scale * ratio;
    this.setThickness(ratio);
    const places = placesIn(box, levelFor(view.visible(), dense));
    context.imageSmoothingEnabled = true;
    let whole = true;
    for (const place of places) {
      let tile = this.tiles.get(place.key);
      if (!tile || tile.stale) {
        if (performance.now() < deadline) tile = this.make(place, tile);
        else whole = false;
      }
      if (tile) {
        this.tiles.delete(place.key);
        this.tiles.set(place.key, tile);
        drawTile(context, view, dense, tile, tile.place);
      } else this.drawCoarser(context, view, dense, place);
    }
    for (const oldest of this.tiles.keys()) {
      if (this.tiles.size <= KEPT) break;
      this.tiles.delete(oldest);
    }
    return whole;
  }

  /** @param {number} ratio device px per CSS px. */
  setThickness(ratio) {
    const thick = ratio >= 1.75 ? 2 : 1;
    if (thick !== this.thick) this.clear();
    this.thick = thick;
  }

  /** Until a tile is made, the part of a coarser one. @param {CanvasRenderingContext2D} context
   * @param {View} view @param {number} dense @param {Place} place */
  drawCoarser(context, view, dense, place) {
    for (let up = 1; up <= 4; up++) {
      const level = place.level + up;
      const tile = this.tiles.get(`${level}/${place.x >> up}/${place.y >> up}`);
      if (tile) return drawTile(context, view, dense, tile, place);
    }
  }

  /**
   * @param {Place} place
   * @param {Tile} [old] made before, of which only the stale part is made again.
   * @returns {Tile}
   */
  make(place, old) {
    const tile = old ?? { place, context: newContext(), stale: null };
    const part = (old && old.stale) || { x0: 0, y0: 0, x1: SIDE, y1: SIDE };
    tile.stale = null;
    const target = {
      pixels: this.pixels,
      width: part.x1 - part.x0,
      height: part.y1 - part.y0,
      left: place.x * SIDE + part.x0,
      top: place.y * SIDE + part.y0,
      magnify: Math.max(0, -place.level),
      thick: this.thick,
    };
    const size = target.width * target.height;
    this.pixels.fill(0, 0, size);
    for (const layer of this.layers) {
      const cells = this.cellsFor(target, Math.max(0, place.level));
      const styles = layer.stamp(cells);
      if (styles.length > 1) shade(target, cells, styles);
    }
    const bytes = new Uint8ClampedArray(this.pixels.buffer, 0, size * 4);
    const data = new ImageData(bytes, target.width, target.height);
    tile.context.putImageData(data, part.x0, part.y0);
    return tile;
  }

  /** @param {import("./shade.js").Target} target @param {number} level @returns {Cells} */
  cellsFor(target, level) {
    const margin = reach(target);
    const left = (target.left >> target.magnify) - margin;
    const top = (target.top >> target.magnify) - margin;
    const columns = ((target.left + target.width - 1) >> target.magnify) - left + 1 + margin;
    const rows = ((target.top + target.height - 1) >> target.magnify) - top + 1 + margin;
    this.ids.fill(0, 0, columns * rows);
    return { ids: this.ids, left, top, columns, rows, level };
  }
}

/** @returns {CanvasRenderingContext2D} */
function newContext() {
  const canvas = document.createElement("canvas");
  canvas.width = SIDE;
  canvas.height = SIDE;
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/**
 * The level whose tiles are drawn at about their size, coarser if too many would be in view.
 *
 * @param {Box} visible
 * @param {number} dense device px per px of the image.
 * @returns {number} pictures of 2^-level px per px of the image.
 */
export function levelFor(visible, dense) {
  let level = Math.max(FINEST, Math.floor(-Math.log2(dense) + 0.4));
  while (placesIn(visible, level).length > IN_VIEW) level++;
  return level;
}

/** @param {Box} box @param {number} level @returns {Place[]} */
function placesIn(box, level) {
  const side = SIDE * 2 ** level;
  const places = [];
  for (let y = Math.floor(box.y0 / side); y * side < box.y1; y++) {
    for (let x = Math.floor(box.x0 / side); x * side < box.x1; x++) {
      places.push({ level, x, y, key: `${level}/${x}/${y}` });
    }
  }
  return places;
}

/**
 * Draw the part of a tile that covers a place of the same or a finer level.
 *
 * @param {CanvasRenderingContext2D} context @param {View} view @param {number} dense
 * @param {Tile} tile @param {Place} place
 */
function drawTile(context, view, dense, tile, place) {
  const side = SIDE * 2 ** place.level;
  const left = Math.round((place.x * side - view.x) * dense);
  const top = Math.round((place.y * side - view.y) * dense);
  const width = Math.round(((place.x + 1) * side - view.x) * dense) - left;
  const height = Math.round(((place.y + 1) * side - view.y) * dense) - top;
  const up = tile.place.level - place.level;
  const part = SIDE / 2 ** up;
  const sx = (place.x - tile.place.x * 2 ** up) * part;
  const sy = (place.y - tile.place.y * 2 ** up) * part;
  context.drawImage(tile.context.canvas, sx, sy, part, part, left, top, width, height);
}

/** @param {Box | null} a @param {Box} b @returns {Box} */
export function join(a, b) {
  if (!a) return b;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}
