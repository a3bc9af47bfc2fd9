/**
 * Two versions of the same objects brought together, as changes to the newest document: mine,
 * drawn on `base`, and theirs, which is in the project. Pure; choosing is conflicts.js.
 */

import { difference, fromTiles, intersection, toTiles, union, xor } from "../core/bits.js";
import { createObject } from "../core/gestures.js";
import { tilesToJson } from "../core/items.js";
import { canonical, newUid } from "../core/operations.js";

/** @typedef {import("../core/document.js").Document} Document */
/** @typedef {import("../core/items.js").Item} Item */
/** @typedef {import("../core/operations.js").Change} Change */
/** @typedef {import("../core/operations.js").Operation} Operation */
/** @typedef {import("../core/bits.js").Mask} Mask */

/**
 * @typedef {object} Versions
 * @property {Document} base what mine was drawn on.
 * @property {Document} mine
 * @property {Document} theirs the newest.
 * @property {Operation[]} ops that made mine of base.
 */

const FIELDS = /** @type {const} */ (["category", "z", "geometry", "attributes", "origin"]);

/**
 * @param {Versions} versions
 * @param {"mine" | "both"} choice
 * @returns {(Change | null)[]} to apply to `theirs`.
 */
export function mergeChanges(versions, choice) {
  const { theirs, ops } = versions;
  const parts = partsOf(ops);
  /** @type {(Change | null)[]} */
  const changes = [];
  const own = parts.get("");
  if (own && choice === "mine") changes.push(documentChange(versions, own.fields));
  if (theirs.form === "map") return [...changes, ...mergeMap(versions, choice)];
  for (const [uid, part] of parts) {
    if (uid === "") continue;
    changes.push(choice === "mine" ? keepMine(versions, uid, part) : keepBoth(versions, uid, part));
  }
  return changes;
}

/** @typedef {{fields: Set<string>, keys: Set<string>}} Part what mine touches of an object. */

/** @param {Operation[]} ops @returns {Map<string, Part>} by uid. */
function partsOf(ops) {
  /** @type {Map<string, Part>} */
  const parts = new Map();
  for (const { object, set = {}, tiles = {} } of ops.flatMap((op) => op.changes)) {
    const part = parts.get(object) ?? { fields: new Set(), keys: new Set() };
    for (const name of Object.keys(set)) part.fields.add(name);
    for (const key of Object.keys(tiles)) part.keys.add(key);
    parts.set(object, part);
  }
  return parts;
}

/** @param {Versions} versions @param {Set<string>} fields @returns {Change | null} */
function documentChange({ mine, theirs }, fields) {
  /** @type {Record<string, [any, any]>} */
  const set = {};
  for (const name of fields) {
    const [old, now] = [theirs.value("", name), mine.value("", name)];
    if (canonical(old) !== canonical(now)) set[name] = [old, now];
  }
  return Object.keys(set).length ? { object: "", set } : null;
}

/**
 * The object as mine has it where mine touched it, else as theirs.
 *
 * @param {Versions} versions @param {string} uid @param {Part} part
 * @returns {Change | null}
 */
function keepMine({ base, mine, theirs }, uid, { fields, keys }) {
  const my = mine.held(uid);
  if (!mine.objects.has(uid)) return toward(theirs, uid, null);
  // An import has replaced the object that it was drawn on.
  const known = theirs.objects.has(uid) || theirs.deleted.has(uid);
  if (!known && base.objects.has(uid)) return asNew(theirs, my);
  const held = theirs.held(uid);
  const whole = fields.has("exists") || fields.has("geometry") || !theirs.objects.has(uid);
  if (whole || my.geometry) return toward(theirs, uid, my);
  /** @type {Item} */
  const wanted = { ...held, tiles: new Map(held.tiles) };
  for (const name of FIELDS) if (fields.has(name)) /** @type {any} */ (wanted)[name] = my[name];
  for (const key of keys) {
    const runs = my.tiles.get(key);
    if (runs) wanted.tiles.set(key, runs);
    else wanted.tiles.delete(key);
    wanted.geometry = null;
  }
  return toward(theirs, uid, wanted);
}

/**
 * Pixels of both where only pixels are in question; else mine as an object of its own.
 *
 * @param {Versions} versions @param {string} uid @param {Part} part
 * @returns {Change | null}
 */
function keepBoth({ base, mine, theirs }, uid, { fields, keys }) {
  if (!mine.objects.has(uid)) return null;
  const my = mine.held(uid);
  const held = theirs.held(uid);
  if (!theirs.objects.has(uid) && !base.objects.has(uid)) return toward(theirs, uid, my);
  if (fields.size || my.geometry || held.geometry || !theirs.objects.has(uid)) {
    return asNew(theirs, my);
  }
  const changed = xor(tilesOf(my, keys), tilesOf(base.held(uid), keys));
  return toward(theirs, uid, { ...held, tiles: mixed(held, my, changed) });
}

/** Mine as an object of its own, in front. @param {Document} theirs @param {Item} my */
function asNew(theirs, { tiles, category, z, geometry, attributes, origin }) {
  const more = { z: Math.max(z, theirs.frontZ()), geometry, attributes, origin };
  return createObject(newUid(), fromTiles(tiles), category ?? "", more);
}

/**
 * @param {Versions} versions @param {"mine" | "both"} choice
 * @returns {(Change | null)[]}
 */
function mergeMap({ base, mine, theirs, ops }, choice) {
  const keys = new Set(
    ops.flatMap((op) => op.changes.flatMap((one) => Object.keys(one.tiles ?? {}))),
  );
  const uids = [...theirs.objects.keys()];
  /** @param {Document} one */
  const against = (one) =>
    uids.reduce(
      (sum, uid) => union(sum, xor(tilesOf(one.held(uid), keys), tilesOf(base.held(uid), keys))),
      /** @type {Mask} */ (new Map()),
    );
  const changed = choice === "mine" ? against(mine) : difference(against(mine), against(theirs));
  return uids.map((uid) => {
    const held = theirs.held(uid);
    return toward(theirs, uid, { ...held, tiles: mixed(held, mine.held(uid), changed) });
  });
}

/** Theirs, but mine on some pixels. @param {Item} theirs @param {Item} mine @param {Mask} where */
function mixed(theirs, mine, where) {
  const keys = [...where.keys()];
  const taken = intersection(tilesOf(mine, keys), where);
  const left = difference(tilesOf(theirs, keys), where);
  const tiles = new Map(theirs.tiles);
  for (const key of keys) tiles.delete(key);
  for (const [key, runs] of toTiles(union(left, taken))) tiles.set(key, runs);
  return tiles;
}

/** @param {Item} item @param {Iterable<string>} keys @returns {Mask} */
function tilesOf(item, keys) {
  const some = new Map();
  for (const key of keys) {
    const runs = item.tiles.get(key);
    if (runs) some.set(key, runs);
  }
  return fromTiles(some);
}

/**
 * The change that makes an object what is wanted.
 *
 * @param {Document} document @param {string} uid @param {Item | null} wanted null: gone.
 * @returns {Change | null}
 */
function toward(document, uid, wanted) {
  const exists = document.objects.has(uid);
  if (!wanted) return exists ? { object: uid, set: { exists: [true, false] } } : null;
  const held = document.held(uid);
  /** @type {Record<string, [any, any]>} */
  const set = exists ? {} : { exists: [false, true] };
  for (const name of FIELDS) {
    const differs = canonical(held[name]) !== canonical(wanted[name]);
    if (differs && document.form === "rows") set[name] = [held[name], wanted[name]];
  }
  const delta = toTiles(xor(fromTiles(held.tiles), fromTiles(wanted.tiles)));
  if (delta.size === 0 && Object.keys(set).length === 0) return null;
  if (delta.size && held.geometry && !set["geometry"])
    set["geometry"] = [held.geometry, wanted.geometry];
  return { object: uid, set, tiles: tilesToJson(delta) };
}
