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
 * Write an id into every cell of the window that one tile of a mask reaches.
 *
 * @param {Cells} cells
 * @param {Uint8Array} runs of the tile, sound.
 * @param {number} tx tile column in the image.
 * @param {number} ty tile row.
 * @param {number} id
 */
export function stamp(cells, runs, tx, ty, id) {
  const { level } = cells;
  // Where the window begins and ends in px of the tile.
  const x0 = Math.max(0, (cells.left << level) - tx * TILE);
  const x1 = Math.min(TILE, ((cells.left + cells.columns) << level) - tx * TILE);
  const y0 = Math.max(0, (cells.top << level) - ty * TILE);
  const y1 = Math.min(TILE, ((cells.top + cells.rows) << level) - ty * TILE);
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
      for (let place = Math.max(start, x0 * TILE); place < end; ) {
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
