/**
 * A document as the server sends it, brought to where this tab is: what was committed since, then
 * the gestures that wait in the outbox. Those that collide go to `collide`; opened.js does the rest.
 */

import { meet, touched } from "../core/operations.js";
import { allOperations } from "./api.js";

/** @typedef {import("../core/document.js").Document} Document */
/** @typedef {import("../core/operations.js").Operation} Operation */
/** @typedef {import("./api.js").Committed} Committed */
/** @typedef {import("./outbox.js").Entry} Entry */

const TRIES = 3;

/**
 * @typedef {object} Replayed
 * @property {number} revision up to which everything is in the document.
 * @property {Set<string>} ahead ids of operations that are in it too.
 * @property {Set<string>} known ids of operations that are committed.
 * @property {Committed[]} ops
 */

/**
 * @typedef {object} Known
 * @property {() => Entry[]} waiting now.
 * @property {() => number} least revision that must be reached, now.
 * @property {number} loaded revision of the document.
 * @property {number} from revision after which operations are wanted too.
 */

/**
 * What was committed after the oldest state on which something that waits was drawn.
 *
 * @param {{sample: number, layer: string}} place
 * @param {Known} known
 * @returns {Promise<Committed[]>} none after an import, which replaces all.
 */
export async function missingOperations({ sample, layer }, { waiting, least, loaded, from }) {
  for (let tries = 1; ; tries++) {
    const first = Math.min(loaded, from, ...waiting().map(({ op }) => op.base));
    if (first >= loaded && least() <= loaded && waiting().length === 0) return [];
    const found = await allOperations(sample, layer, first);
    const told = new Set(found.ops.map(({ op }) => op.id));
    // Something may have been confirmed while the answer was under way: then it is too old.
    const whole =
      found.revision >= least() &&
      waiting().every(({ op, own }) => op.base <= found.revision && own.every((id) => told.has(id)));
    if (whole || found.replaced || tries >= TRIES) return found.ops;
  }
}

/**
 * @param {Document} document changed in place.
 * @param {Committed[]} ops from `missingOperations`.
 * @param {Entry[]} waiting oldest first.
 * @param {(entry: Entry, others: Committed[]) => void} collide holds back an entry, and at once
 *   those that build on it.
 * @returns {Replayed}
 */
export function replay(document, ops, waiting, collide) {
  const { revision: loaded, form } = document;
  let revision = loaded;
  for (const done of ops.filter((one) => one.revision > loaded)) {
    document.apply(done.op);
    document.settle(done.op);
    revision = done.revision;
  }
  /** @type {Set<string>} */
  const ahead = new Set();
  const known = new Set(ops.map(({ op }) => op.id));
  const mine = new Set(waiting.map(({ op }) => op.id));
  /** @type {Entry[]} */
  const before = [];
  for (const entry of waiting) {
    // It may build on one that collided a moment ago, and waits with it for a decision.
    if (known.has(entry.op.id) || entry.state !== "waiting") continue;
    const parts = touched(entry.op, form);
    const meets = (/** @type {Operation} */ op) => meet(parts, touched(op, form));
    // Drawn by two tabs on one state: the second collides when it is sent, not before.
    if (before.some((one) => one.maker !== entry.maker && meets(one.op))) continue;
    const others = ops.filter(
      ({ revision: at, op }) =>
        at > entry.op.base && !entry.own.includes(op.id) && !mine.has(op.id),
    );
    if (others.some(({ op }) => meets(op)) || !applied(document, entry.op)) collide(entry, others);
    else {
      ahead.add(entry.op.id);
      before.push(entry);
    }
  }
  return { revision, ahead, known, ops };
}

/**
 * @param {Document} document
 * @param {Operation} op
 * @param {(effect: import("../core/document.js").Effect) => void} [tell]
 * @returns {boolean} whether it fitted.
 */
export function applied(document, op, tell) {
  try {
    const effect = document.apply(op);
    tell?.(effect);
    return true;
  } catch {
    return false;
  }
}
