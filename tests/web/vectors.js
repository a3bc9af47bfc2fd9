/**
 * Runs the shared cases through the page's modules; every function returns what went wrong, as
 * lines. Driven by test_core.py; the cases are in ../cases.
 */

import { box, clip, count, toTiles } from "../../src/maskloom/web/core/bits.js";
import * as codec from "../../src/maskloom/web/core/codec.js";
import { Document } from "../../src/maskloom/web/core/document.js";
import { fillPolygon } from "../../src/maskloom/web/core/fill.js";
import { tilesToJson } from "../../src/maskloom/web/core/items.js";
import { canonical, inverse, meet, touched } from "../../src/maskloom/web/core/operations.js";

/** @param {string} name @returns {Promise<any>} */
async function load(name) {
  return (await fetch(`/tests/cases/${name}.json`)).json();
}

class Report {
  constructor() {
    /** @type {string[]} */
    this.faults = [];
    this.checks = 0;
  }

  /** @param {string} name @param {unknown} seen @param {unknown} wanted */
  same(name, seen, wanted) {
    this.checks++;
    const [one, other] = [canonical(seen), canonical(wanted)];
    if (one !== other) this.faults.push(`${name}: ${one.slice(0, 200)}, not ${other.slice(0, 200)}`);
  }

  /** @param {string} name @param {string} error @param {() => unknown} act */
  throws(name, error, act) {
    this.checks++;
    try {
      act();
      this.faults.push(`${name}: not refused`);
    } catch (seen) {
      const word = seen instanceof Error ? seen.name : String(seen);
      if (word !== error) this.faults.push(`${name}: ${word}, not ${error}`);
    }
  }
}

/** Runs, base64, XOR and the frame. */
export async function tiles() {
  const report = new Report();
  const cases = await load("tiles");
  for (const { name, runs, area, toggles } of cases.tiles) {
    const bytes = codec.fromBase64(runs);
    const bits = codec.runsToBits(bytes);
    report.same(`${name}: base64`, codec.toBase64(bytes), runs);
    report.same(`${name}: bits`, codec.toBase64(codec.bitsToRuns(bits)), runs);
    report.same(`${name}: area`, count(new Map([["0,0", bits]])), area);
    const places = codec.runsToToggles(bytes);
    report.same(`${name}: again`, codec.toBase64(codec.togglesToRuns(places)), runs);
    if (toggles.length) report.same(`${name}: toggles`, [...places], toggles);
    for (const place of [0, 1, 255, 256, 1792, 40000, 65535]) {
      const inside = ((bits[place >>> 5] ?? 0) >>> (place & 31)) & 1;
      report.same(`${name}: ${place}`, codec.runsHold(bytes, place), inside === 1);
    }
  }
  for (const { name, runs } of cases.refused) {
    report.throws(name, "DataError", () => codec.runsToToggles(codec.fromBase64(runs)));
  }
  for (const text of cases.base64) {
    report.throws(`base64 ${text}`, "DataError", () => codec.fromBase64(text));
  }
  for (const { name, tile, size, runs, sound } of cases.outside) {
    const check = () => codec.checkTile(tile, codec.fromBase64(runs), size);
    if (sound) report.same(name, check(), undefined);
    else report.throws(name, "DataError", check);
  }
  for (const { a, b, xor } of cases.xor) {
    const seen = codec.xorRuns(codec.fromBase64(a), codec.fromBase64(b));
    report.same("xor", codec.toBase64(seen), xor);
  }
  return report;
}

/** Polygons to tiles. */
export async function fill() {
  const report = new Report();
  for (const { name, size, rings, area, tiles: wanted } of (await load("fill")).cases) {
    const mask = fillPolygon({ rule: "grid", rings }, size);
    report.same(name, tilesToJson(toTiles(mask)), wanted);
    report.same(`${name}: area`, count(mask), area);
    clip(mask, size);
    report.same(`${name}: inside the frame`, tilesToJson(toTiles(mask)), wanted);
    const edges = box(mask);
    report.same(`${name}: box`, edges === null, area === 0);
  }
  return report;
}

/** Documents, operations, inverses, and what meets. */
export async function operations() {
  const report = new Report();
  const cases = await load("operations");
  const states = cases.documents;
  for (const [name, data] of Object.entries(states)) {
    report.same(`${name} and back`, sorted(new Document(data).toJSON()), sorted(data));
  }
  for (const { name, document, op, after, inverse: back } of cases.accepted) {
    const held = new Document(states[document]);
    const effect = held.apply(op);
    report.same(`${name}: tiles`, [...effect.tiles].sort(), changedTiles(states[document], after));
    report.same(name, sorted(held.toJSON()), sorted(after));
    const own = inverse(op, op.base + 1);
    report.same(`${name}: inverse`, own.changes, back.changes);
    const undone = held.apply(own);
    report.same(`${name}: effect`, [...effect.tiles].sort(), [...undone.tiles].sort());
    // The number of an object that was taken back stays its own.
    const { created } = held.toJSON();
    const start = { ...states[document], revision: states[document].revision + 2, created };
    report.same(`${name}: taken back`, sorted(held.toJSON()), sorted(start));
    report.same(`${name}: index`, indexOf(held), indexOf(new Document(start)));
  }
  for (const { name, document, op, error } of cases.refused) {
    const held = new Document(states[document]);
    report.throws(name, error, () => held.apply(op));
    report.same(`${name}: untouched`, sorted(held.toJSON()), sorted(states[document]));
  }
  for (const { name, form, a, b, meet: wanted } of cases.meet) {
    report.same(name, meet(touched(a, form), touched(b, form)), wanted);
    report.same(`${name}, turned`, meet(touched(b, form), touched(a, form)), wanted);
  }
  return report;
}

/**
 * The tiles that look different: where pixels changed, and all of an object that came, went, or
 * has another class or depth.
 *
 * @param {any} before
 * @param {any} after
 * @returns {string[]}
 */
function changedTiles(before, after) {
  const seen = (/** @type {any} */ data) => {
    const live = data.objects.map((/** @type {any} */ one) => [one.id, one, true]);
    const gone = data.deleted.map((/** @type {any} */ one) => [one.id, one, false]);
    return new Map([...live, ...gone].map(([id, one, exists]) => [id, { one, exists }]));
  };
  const [old, now] = [seen(before), seen(after)];
  /** @type {Set<string>} */
  const out = new Set();
  for (const id of new Set([...old.keys(), ...now.keys()])) {
    const [a, b] = [old.get(id), now.get(id)];
    const look = (/** @type {any} */ held) => [held?.exists ?? false, held?.one.category, held?.one.z];
    const moved = canonical(look(a)) !== canonical(look(b));
    for (const key of Object.keys({ ...a?.one.tiles, ...b?.one.tiles })) {
      if (moved || a?.one.tiles[key] !== b?.one.tiles[key]) out.add(key);
    }
  }
  return [...out].sort();
}

/** @param {any} data a document whose objects are sorted by id: their order says nothing. */
export function sorted(data) {
  const byId = (/** @type {any} */ a, /** @type {any} */ b) => (a.id < b.id ? -1 : 1);
  return {
    ...data,
    objects: [...data.objects].sort(byId),
    deleted: [...data.deleted].sort(byId),
  };
}

/** @param {Document} document @returns {string[]} */
function indexOf(document) {
  return Array.from(document.index, ([key, uids]) => `${key} ${[...uids].sort()}`).sort();
}
