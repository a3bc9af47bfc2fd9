/**
 * From the runs of masks to the cells of a drawn tile: which object is on top where.
 * A cell is 2^level px of the image a side; it belongs to an object that has any pixel in it, so
 * nothing thin vanishes when zoomed out. Colours are in shade.js, the tiles kept in masktiles.js.
 */

import { AREA, TILE } from "../core/codec.js";

/**
 * A window of cells, ids by column: `ids[column * rows + row]`, 0 where nothing is.
 *
 * @typedef {object} Cells
 * @property {Int32Array} ids
 * @property {number} left column of the first cell in the image's grid of cells.
 * @property {number} top
 * @property {number} columns
 * @property {number} rows
 * @property {number} level 0 to 8.
 */

/**
 * The part of a tile that lies in the window, in px of the tile.
 *
 * @param {Cells} cells @param {number} tx tile column in the image. @param {number} ty tile row.
 */
function partOf({ left, top, columns, rows, level }, tx, ty) {
  return {
    x0: Math.max(0, (left << level) - tx * TILE),
    x1: Math.min(TILE, ((left + columns) << level) - tx * TILE),
    y0: Math.max(0, (top << level) - ty * TILE),
    y1: Math.min(TILE, ((top + rows) << level) - ty * TILE),
  };
}

/**
 * Write an id into every cell of the window that one tile of a mask reaches.
 *
 * @param {Cells} cells
 * @param {Uint8Array} runs of the tile, sound.
 * @param {number} tx
 * @param {number} ty
 * @param {number} id
 */
export function stamp(cells, runs, tx, ty, id) {
  const { x0, x1, y0, y1 } = partOf(cells, tx, ty);
  if (x0 >= x1 || y0 >= y1) return;
  const stop = x1 * TILE;
  let start = 0;
  let value = 0;
  let shift = 0;
  let inside = false;
  for (let k = 0; k < runs.length && start < stop; k++) {
    const byte = runs[k] ?? 0;
    value |= (byte & 127) << shift;
    shift += 7;
    if (byte > 127) continue;
    const end = Math.min(start + value, AREA, stop);
    if (inside) {
      for (let place = Math.max(start, x0 * TILE); place < end;) {
        const x = place >> 8;
        const next = (x + 1) << 8;
        const from = Math.max(y0, place & 255);
        const to = Math.min(y1, end < next ? end & 255 : TILE);
        if (from < to) writeSpan(cells, tx * TILE + x, ty * TILE + from, ty * TILE + to, id);
        place = next;
      }
    }
    start += value;
    inside = !inside;
    value = shift = 0;
  }
}

/**
 * The same for a tile of bits, as a gesture under way has them.
 *
 * @param {Cells} cells @param {Uint32Array} bits @param {number} tx @param {number} ty
 * @param {number} id
 */
export function stampBits(cells, bits, tx, ty, id) {
  const { x0, x1, y0, y1 } = partOf(cells, tx, ty);
  for (let x = x0; x < x1; x++) {
    for (let word = y0 >> 5; word << 5 < y1; word++) {
      let left = bits[x * (TILE / 32) + word] ?? 0;
      while (left !== 0) {
        const from = 31 - Math.clz32(left & -left);
        const after = ~(left >>> from);
        const to = after === 0 ? 32 : Math.min(32, from + 31 - Math.clz32(after & -after));
        const first = Math.max(y0, (word << 5) + from);
        const last = Math.min(y1, (word << 5) + to);
        if (first < last) writeSpan(cells, tx * TILE + x, ty * TILE + first, ty * TILE + last, id);
        left = to === 32 ? 0 : left & (-1 << to);
      }
    }
  }
}

/**
 * @param {Cells} cells
 * @param {number} x column in px of the image.
 * @param {number} y0 first row.
 * @param {number} y1 row after the last.
 * @param {number} id
 */
function writeSpan({ ids, left, top, rows, level }, x, y0, y1, id) {
  const base = ((x >> level) - left) * rows - top;
  const last = base + ((y1 - 1) >> level);
  for (let at = base + (y0 >> level); at <= last; at++) ids[at] = id;
}
