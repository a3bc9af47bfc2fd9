/**
 * The state of one sample in one layer, as loaded from the server and moved on by operations.
 * An operation is applied as a whole or refused as a whole, by the rules of edits/document.py.
 * A page draws from the `tiles` of the objects; gestures are built in gestures.js.
 */

import { toTiles } from "./bits.js";
import { runsHold, runsToToggles, tileKey } from "./codec.js";
import { Conflict, DataError } from "./errors.js";
import { fillPolygon } from "./fill.js";
import {
  behind,
  blankItem,
  isBlank,
  itemFromJson,
  itemToJson,
  sameTiles,
  setFields,
  tilesFromJson,
  xorTiles,
} from "./items.js";
import { canonical } from "./operations.js";

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./operations.js").Operation} Operation */
/** @typedef {import("./operations.js").Change} Change */

/**
 * What an operation changed.
 *
 * @typedef {object} Effect
 * @property {Set<string>} objects uids; "" is the document.
 * @property {Set<string>} tiles keys of all tiles that look different now.
 */

/** Uids of rows of a snapshot. */
const IMPORTED = /^[0-9]+-[0-9]+$/;

export class Document {
  /** @param {any} data what the server sends. */
  constructor(data) {
    /** @type {"rows" | "map"} */
    this.form = data.form;
    /** @type {[number, number]} H, W. */
    this.size = data.size;
    /** @type {number} */
    this.revision = data.revision;
    /** @type {Map<string, Item>} what exists. */
    this.objects = new Map();
    /** @type {Map<string, Item>} what was deleted and may come back. */
    this.deleted = new Map();
    /** @type {Record<string, any>} state and verdicts that differ from their default. */
    this.fields = { ...data.fields };
    /** @type {Set<string>} uids of all objects that people ever made, in that order. */
    this.created = new Set(data.created);
    /** @type {Set<string>} those of them whose place in the order is that of the log. */
    this.settled = new Set(data.created);
    /** @type {Map<string, Set<string>>} tile key to the objects that have pixels there. */
    this.index = new Map();
    for (const one of data.objects) this.put(itemFromJson(one), true);
    for (const one of data.deleted ?? []) this.put(itemFromJson(one), false);
  }

  /**
   * The value of a field of an object, or of the document (uid "").
   *
   * @param {string} uid
   * @param {string} name
   * @returns {any}
   */
  value(uid, name) {
    if (uid === "") return this.fields[name] ?? (name === "state" ? "todo" : null);
    if (name === "exists") return this.objects.has(uid);
    return /** @type {any} */ (this.held(uid))[name];
  }

  /** @param {string} uid @returns {Item} as it is, as it was deleted, or blank. */
  held(uid) {
    return this.objects.get(uid) ?? this.deleted.get(uid) ?? blankItem(uid);
  }

  /**
   * Move on by an operation; on an error nothing has changed.
   *
   * @param {Operation} op
   * @returns {Effect}
   * @throws {Conflict} an old value is not the current one, or an object does not exist.
   * @throws {DataError} the outcome would not be a sound document.
   */
  apply(op) {
    /** @type {Map<string, {item: Item, exists: boolean}>} */
    const next = new Map();
    const fields = { ...this.fields };
    for (const change of op.changes) {
      this.checkOld(change);
      if (change.object === "") setFields(fields, change);
      else if (this.form === "map") next.set(change.object, this.painted(change));
      else next.set(change.object, this.changed(change));
    }
    if (this.form === "map") this.checkExclusive(op, next);
    const effect = this.effectOf(op);
    for (const { item, exists } of next.values()) {
      this.put(item, exists);
      if (exists && item.row === null && this.form === "rows") this.created.add(item.uid);
    }
    this.fields = fields;
    this.revision += 1;
    return effect;
  }

  /**
   * Learn that an operation comes next in the log: what it made comes before what only this page
   * has made so far.
   *
   * @param {Operation} op
   * @returns {boolean} whether the order is another one now.
   */
  settle(op) {
    const made = op.changes.map(({ object }) => object);
    const fresh = made.filter((uid) => this.created.has(uid) && !this.settled.has(uid));
    if (fresh.length === 0) return false;
    for (const uid of fresh) this.settled.add(uid);
    const before = [...this.created];
    this.created = new Set([...this.settled, ...before]);
    return [...this.created].some((uid, i) => uid !== before[i]);
  }

  /**
   * What an operation that fits will change.
   *
   * @param {Operation} op
   * @returns {Effect}
   */
  effectOf(op) {
    /** @type {Effect} */
    const effect = { objects: new Set(), tiles: new Set() };
    for (const { object, set = {}, tiles = {} } of op.changes) {
      effect.objects.add(object);
      for (const key of Object.keys(tiles)) effect.tiles.add(key);
      if (!["exists", "z", "category"].some((name) => name in set)) continue;
      for (const key of this.held(object).tiles.keys()) effect.tiles.add(key);
    }
    return effect;
  }

  /**
   * Uids from back to front, as an export paints them.
   *
   * @param {Iterable<string>} uids
   * @returns {string[]}
   */
  inOrder(uids) {
    const born = new Map(Array.from(this.created, (uid, number) => [uid, number]));
    return Array.from(uids, (uid) => this.held(uid))
      .sort((a, b) => behind(a, b, born))
      .map((item) => item.uid);
  }

  /**
   * @param {number} x pixel column.
   * @param {number} y pixel row.
   * @returns {string[]} the objects there, front first.
   */
  at(x, y) {
    const key = tileKey(x >> 8, y >> 8);
    const place = (x & 255) * 256 + (y & 255);
    const there = [...(this.index.get(key) ?? [])].filter((uid) => {
      const runs = this.objects.get(uid)?.tiles.get(key);
      return runs !== undefined && runsHold(runs, place);
    });
    return this.inOrder(there).reverse();
  }

  /** @param {number} x @param {number} y @returns {string | null} the front object there. */
  topAt(x, y) {
    return this.at(x, y)[0] ?? null;
  }

  /** @returns {number} a z in front of every object. */
  frontZ() {
    let front = -1;
    for (const { z } of this.objects.values()) if (z > front) front = z;
    return front + 1;
  }

  /** @returns {any} the form in which the server sends a document, but for boxes and areas. */
  toJSON() {
    return {
      revision: this.revision,
      form: this.form,
      size: this.size,
      objects: Array.from(this.objects.values(), itemToJson),
      deleted: Array.from(this.deleted.values(), itemToJson),
      fields: this.fields,
      created: [...this.created],
    };
  }

  /** @param {Item} item @param {boolean} exists */
  put(item, exists) {
    const { uid, tiles } = item;
    for (const key of this.objects.get(uid)?.tiles.keys() ?? []) {
      const there = this.index.get(key);
      there?.delete(uid);
      if (there?.size === 0) this.index.delete(key);
    }
    if (!exists) {
      this.objects.delete(uid);
      if (!isBlank(item)) this.deleted.set(uid, item);
      else this.deleted.delete(uid);
      return;
    }
    this.deleted.delete(uid);
    this.objects.set(uid, item);
    for (const key of tiles.keys()) {
      const there = this.index.get(key);
      if (there) there.add(uid);
      else this.index.set(key, new Set([uid]));
    }
  }

  /** @param {Change} change */
  checkOld({ object, set = {} }) {
    for (const [name, [old]] of Object.entries(set)) {
      const current = this.value(object, name);
      if (old !== current && canonical(old) !== canonical(current)) {
        throw new Conflict(`changed by someone else, now ${canonical(current)}`, object, name);
      }
    }
  }

  /**
   * An object of rows after a change.
   *
   * @param {Change} change
   * @returns {{item: Item, exists: boolean}}
   */
  changed({ object: uid, set = {}, tiles = {} }) {
    const existed = this.objects.has(uid);
    const { exists: [, exists] = [existed, existed], ...rest } = set;
    if (!existed && !exists) throw new Conflict("the object does not exist", uid, "exists");
    if (!existed && !this.deleted.has(uid) && IMPORTED.test(uid)) {
      throw new DataError("a new object with the uid of an imported row", uid);
    }
    const before = this.held(uid);
    /** @type {any} */
    const item = { ...before };
    for (const [name, [, value]] of Object.entries(rest)) item[name] = value;
    if (Object.keys(tiles).length) {
      item.tiles = xorTiles(before.tiles, tilesFromJson(tiles));
      if (!set["geometry"] && before.geometry) {
        throw new DataError("pixels of a polygon are painted and its geometry stays", uid);
      }
    }
    if (exists && item.category === null) throw new DataError("an object without a category", uid);
    if (set["geometry"]?.[1]) {
      const filled = toTiles(fillPolygon(item.geometry, this.size));
      if (!sameTiles(filled, item.tiles)) {
        throw new DataError("the pixels are not those of the polygon", uid);
      }
    }
    return { item, exists };
  }

  /**
   * A class of a map after a change.
   *
   * @param {Change} change
   * @returns {{item: Item, exists: boolean}}
   */
  painted({ object: uid, set = {}, tiles = {} }) {
    const before = this.objects.get(uid);
    if (!before) throw new Conflict("the class is not in this map", uid, "exists");
    if (Object.keys(set).length) throw new DataError("a class of a map has no such field", uid);
    const item = { ...before, tiles: xorTiles(before.tiles, tilesFromJson(tiles)) };
    return { item, exists: true };
  }

  /**
   * No pixel may be in two classes.
   *
   * @param {Operation} op
   * @param {Map<string, {item: Item}>} next
   */
  checkExclusive(op, next) {
    for (const key of new Set(op.changes.flatMap(({ tiles = {} }) => Object.keys(tiles)))) {
      const taken = new Uint8Array(65536);
      for (const [uid, item] of this.objects) {
        const runs = (next.get(uid)?.item ?? item).tiles.get(key);
        const toggles = runs ? runsToToggles(runs) : [];
        for (let j = 0; j < toggles.length; j += 2) {
          const part = taken.subarray(toggles[j] ?? 0, toggles[j + 1] ?? 65536);
          if (part.includes(1)) throw new DataError("a pixel in two classes of a map", key);
          part.fill(1);
        }
      }
    }
  }
}
