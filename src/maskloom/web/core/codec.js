/**
 * The runs of a tile: lengths down the columns, background first, as varints; and base64.
 * A tile's toggles are the places (column * 256 + row) where the value changes, so the XOR of two
 * tiles is the symmetric difference of their toggles. The same as edits/tile_runs.py; bits of a
 * tile and what is painted on them are in bits.js.
 */

import { DataError } from "./errors.js";

export const TILE = 256;
export const AREA = TILE * TILE;
/** 32-bit words of a tile's bits. */
export const WORDS = AREA / 32;

const CUT = "a count is cut off, or longer than it needs to be";
const ZERO = "a count after the first is zero";
const SUM = "the counts do not sum to 65536";

/**
 * @param {number} tx tile column.
 * @param {number} ty tile row.
 * @returns {string} the key of the tile.
 */
export function tileKey(tx, ty) {
  return `${tx},${ty}`;
}

/**
 * @param {string} key
 * @returns {[number, number]} tile column and tile row.
 */
export function tilePlace(key) {
  const comma = key.indexOf(",");
  return [Number(key.slice(0, comma)), Number(key.slice(comma + 1))];
}

/**
 * The places where the value changes; from the first one on pixels are inside.
 *
 * @param {Uint8Array} runs
 * @returns {Int32Array}
 * @throws {DataError} runs that `togglesToRuns` would not write.
 */
export function runsToToggles(runs) {
  const toggles = new Int32Array(Math.min(runs.length, AREA));
  let n = 0;
  let total = 0;
  let value = 0;
  let shift = 0;
  for (let k = 0; k < runs.length; k++) {
    const byte = runs[k] ?? 0;
    value |= (byte & 127) << shift;
    shift += 7;
    if (byte > 127) {
      if (shift > 14) throw new DataError(CUT);
      continue;
    }
    if (byte === 0 && shift > 7) throw new DataError(CUT);
    if (value === 0 && total + n > 0) throw new DataError(ZERO);
    total += value;
    if (total > AREA || (total === AREA && k + 1 < runs.length)) throw new DataError(SUM);
    if (total < AREA) toggles[n++] = total;
    value = shift = 0;
  }
  if (shift > 0) throw new DataError(CUT);
  if (total !== AREA) throw new DataError(SUM);
  return toggles.subarray(0, n);
}

/**
 * @param {ArrayLike<number>} toggles rising, below 65536.
 * @param {number} [n] how many of them.
 * @returns {Uint8Array} runs.
 */
export function togglesToRuns(toggles, n = toggles.length) {
  const out = new Uint8Array(3 * n + 3);
  let k = 0;
  let past = 0;
  for (let j = 0; j <= n; j++) {
    const place = j < n ? (toggles[j] ?? 0) : AREA;
    let value = place - past;
    past = place;
    for (; value > 127; value >>>= 7) out[k++] = (value & 127) | 128;
    out[k++] = value;
  }
  return out.slice(0, k);
}

/**
 * Check foreign runs of a tile.
 *
 * @param {string} key
 * @param {Uint8Array} runs
 * @param {[number, number]} size [H, W] of the frame.
 * @throws {DataError} outside the frame, not canonical, empty, or a pixel outside the frame.
 */
export function checkTile(key, runs, [height, width]) {
  if (!/^(0|[1-9][0-9]{0,7}),(0|[1-9][0-9]{0,7})$/.test(key)) {
    throw new DataError('not a tile "column,row"', key);
  }
  const [tx, ty] = tilePlace(key);
  const rows = Math.min(height - ty * TILE, TILE);
  const columns = Math.min(width - tx * TILE, TILE);
  if (rows <= 0 || columns <= 0) throw new DataError("a tile outside the frame", key);
  const toggles = runsToToggles(runs);
  if (toggles.length === 0) throw new DataError("it has no pixel", key);
  for (let j = 0; j < toggles.length; j += 2) {
    const start = toggles[j] ?? 0;
    const end = toggles[j + 1] ?? AREA;
    if (end > columns * TILE || (rows < TILE && (start & 255) + end - start > rows)) {
      throw new DataError("a pixel outside the frame is set", key);
    }
  }
}

/**
 * @param {Uint8Array} a runs of a sound tile; none means no pixel.
 * @param {Uint8Array} b
 * @returns {Uint8Array} runs of the pixels in one but not both; none at all where they are equal.
 */
export function xorRuns(a, b) {
  if (a.length === 0 || b.length === 0) return a.length ? a : b;
  const left = runsToToggles(a);
  const right = runsToToggles(b);
  const both = new Int32Array(left.length + right.length);
  let i = 0;
  let j = 0;
  let k = 0;
  while (i < left.length || j < right.length) {
    const one = left[i] ?? AREA;
    const other = right[j] ?? AREA;
    if (one <= other) i++;
    if (other <= one) j++;
    if (one !== other) both[k++] = Math.min(one, other);
  }
  return k ? togglesToRuns(both, k) : new Uint8Array(0);
}

/**
 * Whether a pixel is inside, without decoding the tile.
 *
 * @param {Uint8Array} runs
 * @param {number} place column * 256 + row.
 */
export function runsHold(runs, place) {
  let total = 0;
  let value = 0;
  let shift = 0;
  let inside = false;
  for (const byte of runs) {
    value |= (byte & 127) << shift;
    shift += 7;
    if (byte > 127) continue;
    total += value;
    if (total > place) return inside;
    inside = !inside;
    value = shift = 0;
  }
  return false;
}

/**
 * @param {Uint8Array} runs
 * @param {Uint32Array} [into] bits to set; by default of a new tile.
 * @returns {Uint32Array} 2048 words; bit (column * 256 + row), lowest first.
 */
export function runsToBits(runs, into = new Uint32Array(WORDS)) {
  const toggles = runsToToggles(runs);
  for (let j = 0; j < toggles.length; j += 2) {
    setBits(into, toggles[j] ?? 0, toggles[j + 1] ?? AREA);
  }
  return into;
}

/**
 * Set the bits from one place up to another.
 *
 * @param {Uint32Array} bits
 * @param {number} start
 * @param {number} end the place after the last.
 */
export function setBits(bits, start, end) {
  const first = start >>> 5;
  const last = end >>> 5;
  const low = -1 << (start & 31);
  const high = ~(-1 << (end & 31));
  if (first === last) {
    bits[first] = (bits[first] ?? 0) | (low & high);
    return;
  }
  bits[first] = (bits[first] ?? 0) | low;
  bits.fill(0xffffffff, first + 1, last);
  if (high) bits[last] = (bits[last] ?? 0) | high;
}

/** Room for the toggles of one tile; a new one for each would cost more than the work. */
const scratch = new Int32Array(AREA);

/**
 * @param {Uint32Array} bits of a tile.
 * @returns {Uint8Array} runs; none at all of a tile without a pixel.
 */
export function bitsToRuns(bits) {
  const toggles = scratch;
  let n = 0;
  let carry = 0;
  for (let w = 0; w < WORDS; w++) {
    const word = bits[w] ?? 0;
    // Bit i of the changes: pixel i differs from the one before it.
    let changes = word ^ ((word << 1) | carry);
    carry = word >>> 31;
    while (changes !== 0) {
      toggles[n++] = w * 32 + (31 - Math.clz32(changes & -changes));
      changes &= changes - 1;
    }
  }
  return n ? togglesToRuns(toggles, n) : new Uint8Array(0);
}

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function toBase64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
}

/**
 * @param {string} text
 * @returns {Uint8Array}
 * @throws {DataError} text that `toBase64` would not write.
 */
export function fromBase64(text) {
  let raw = "";
  try {
    raw = atob(text);
  } catch {
    throw new DataError("not base64");
  }
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  if (btoa(raw) !== text) throw new DataError("base64 with loose bits");
  return bytes;
}
