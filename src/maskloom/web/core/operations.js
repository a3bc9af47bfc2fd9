/**
 * One gesture as data, in the form in which it is sent and stored: what it changed, from what to
 * what; pixels as the XOR of old and new mask. It is its own inverse but for the order of old and
 * new. Ready-made changes are in gestures.js, applying them in document.js; the same as
 * edits/operations.py.
 */

/**
 * What happens to one object, or to the document itself (object "").
 *
 * @typedef {object} Change
 * @property {string} object uid.
 * @property {Record<string, [any, any]>} [set] field to [old, new].
 * @property {Record<string, string>} [tiles] "tx,ty" to base64 of the runs that change.
 */

/**
 * @typedef {object} Operation
 * @property {1} v version of the payload.
 * @property {string} id 32 hexadecimal digits, chosen by its author.
 * @property {string} layer
 * @property {number} base the revision that its author saw.
 * @property {string} kind one word for the history.
 * @property {Change[]} changes at most one per object.
 */

/** @typedef {Map<string, Set<string>>} Touched uid to fields and tiles. */

export const VERSION = 1;
/** Touched: all fields and pixels of an object. */
const EVERYTHING = "*";
/** Touched: all pixels of an object. */
const ALL_TILES = "#";

/** @returns {string} an id for an operation. */
export function newId() {
  return hex(16);
}

/** @returns {string} a uid for an object; uids sort in the order of their making. */
export function newUid() {
  return `n${Date.now().toString(16).padStart(12, "0")}${hex(5)}`;
}

/** @param {number} bytes @returns {string} random digits; works without a secure context too. */
function hex(bytes) {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {{layer: string, base: number, kind: string, changes: Change[], id?: string}} parts
 *   changes of one object must be joined already.
 * @returns {Operation}
 */
export function makeOperation({ layer, base, kind, changes, id = newId() }) {
  return { v: VERSION, id, layer, base, kind, changes };
}

/**
 * The operation that takes back another.
 *
 * @param {Operation} op
 * @param {number} base the revision that its author sees.
 * @param {string} [kind] "redo" when an undo is taken back.
 * @returns {Operation}
 */
export function inverse(op, base, kind = "undo") {
  const changes = op.changes.map((change) => {
    /** @type {Change} */
    const back = { object: change.object };
    if (change.set) {
      back.set = {};
      for (const [name, [old, now]] of Object.entries(change.set)) back.set[name] = [now, old];
    }
    if (change.tiles) back.tiles = { ...change.tiles };
    return back;
  });
  return makeOperation({ layer: op.layer, base, kind, changes });
}

/**
 * What an operation reads or changes; compare two results with `meet`. A change of `exists`
 * touches everything of the object; a polygon and its pixels agree, so a change of `geometry`
 * touches all its tiles; in a "map" tiles are those of the document.
 *
 * @param {Operation} op
 * @param {"rows" | "map"} form
 * @returns {Touched}
 */
export function touched(op, form) {
  /** @type {Touched} */
  const out = new Map();
  const add = (/** @type {string} */ uid, /** @type {Iterable<string>} */ parts) => {
    let own = out.get(uid);
    if (!own) out.set(uid, (own = new Set()));
    for (const part of parts) own.add(part);
  };
  for (const { object, set = {}, tiles = {} } of op.changes) {
    add(object, Object.keys(set));
    if (object !== "" && "exists" in set) add(object, [EVERYTHING]);
    if (object !== "" && "geometry" in set) add(object, [ALL_TILES]);
    add(form === "map" ? "" : object, Object.keys(tiles));
  }
  return out;
}

/**
 * @param {Touched} a
 * @param {Touched} b
 * @returns {boolean} whether two results of `touched` have something in common.
 */
export function meet(a, b) {
  for (const [uid, parts] of a) {
    const others = b.get(uid);
    if (!others || !parts.size || !others.size) continue;
    if (covers(parts, others) || covers(others, parts)) return true;
    for (const part of parts) if (others.has(part)) return true;
  }
  return false;
}

/** @param {Set<string>} wide @param {Set<string>} narrow of the same object. */
function covers(wide, narrow) {
  if (wide.has(EVERYTHING)) return true;
  return wide.has(ALL_TILES) && [...narrow].some((part) => /^[0-9]+,[0-9]+$/.test(part));
}

/**
 * JSON by which two values can be compared: keys sorted, no spaces.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}
