/**
 * Sends what is in the outbox, one gesture at a time and in order, again and again until the
 * server has confirmed each. A gesture that collides with another person's, or is refused, waits
 * for a decision (conflicts.js); it holds back only those that build on it.
 */

import { meet, touched } from "../core/operations.js";
import { allOperations, api, Problem } from "./api.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;
/** After so many faults of the server, it is a person's turn to decide. */
const MOST_FAULTS = 5;

/** @typedef {import("./outbox.js").Entry} Entry */
/** @typedef {import("./api.js").Committed} Committed */
/** @typedef {"saved" | "saving" | "offline" | "signed-out" | "troubled" | "conflict" | "refused"} Word */

export class Sender {
  /** @param {import("./outbox.js").Outbox} outbox */
  constructor(outbox) {
    this.outbox = outbox;
    this.busy = false;
    this.pause = FIRST_PAUSE;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {Problem | null} why nothing is sent now. */
    this.trouble = null;
    /** @type {Map<string, number>} id of a gesture → faults of the server over it. */
    this.faults = new Map();
    /** @type {(entry: Entry, revision: number) => void} */
    this.committed = () => {};
    /** @type {(entries: Entry[]) => void} */
    this.collided = () => {};
    /** @type {() => void} */
    this.changed = () => {};
  }

  /** What to tell about all that was done. @returns {{word: Word, waiting: number}} */
  status() {
    const { entries } = this.outbox;
    const waiting = entries.filter((entry) => entry.state === "waiting").length;
    /** @type {Word} */
    let word = waiting ? "saving" : "saved";
    if (waiting && this.trouble) {
      const { status } = this.trouble;
      word = status === 401 ? "signed-out" : status === 0 ? "offline" : "troubled";
    }
    if (entries.some((entry) => entry.state === "refused")) word = "refused";
    if (entries.some((entry) => entry.state === "conflict")) word = "conflict";
    return { word, waiting };
  }

  /** Send now: something is new, or the server may be back. */
  wake() {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.busy) void this.work();
  }

  async work() {
    this.busy = true;
    /** @type {Set<string>} where the first gesture fails, the next ones wait with it. */
    const held = new Set();
    /** @type {Problem | null} */
    let trouble = null;
    for (;;) {
      const ready = (/** @type {Entry} */ one) => one.state === "waiting" && !held.has(placeOf(one));
      const entry = this.outbox.entries.find(ready);
      if (!entry) break;
      this.changed();
      try {
        await this.send(entry);
        this.trouble = trouble;
      } catch (error) {
        trouble = error instanceof Problem ? error : new Problem(String(error), 0);
        held.add(placeOf(entry));
        // All others would meet the same, unless the server stumbles over this one alone.
        if (trouble.status !== 500) break;
      }
    }
    this.trouble = trouble;
    if (trouble) {
      this.timer = setTimeout(() => this.wake(), this.pause);
      this.pause = Math.min(LONGEST_PAUSE, this.pause * 2);
    } else this.pause = FIRST_PAUSE;
    this.busy = false;
    this.changed();
  }

  /**
   * Send one gesture and note the answer.
   *
   * @param {Entry} entry
   * @throws {Problem} when trying again later can help.
   */
  async send(entry) {
    try {
      if (!entry.sent && entry.own.length && !(await this.rebase(entry))) return;
      if (!entry.sent) {
        entry.sent = true;
        await this.outbox.update([entry]);
      }
      const { revision } = await api.commit(entry.sample, entry.op);
      await this.confirm(entry, revision);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 409 && Array.isArray(error.body["missing"])) {
        return this.collide(entry, error.body["missing"]);
      }
      const faults = error.status === 500 ? (this.faults.get(entry.op.id) ?? 0) + 1 : 0;
      this.faults.set(entry.op.id, faults);
      const again = error.transient || [401, 500, 507].includes(error.status);
      if (again && faults < MOST_FAULTS) throw error;
      this.faults.delete(entry.op.id);
      await this.refuse(entry, error.message);
    }
  }

  /**
   * Move a gesture onto the newest revision, past this tab's own and other people's operations.
   *
   * @param {Entry} entry not sent yet.
   * @returns {Promise<boolean>} false if it collides.
   */
  async rebase(entry) {
    const found = await allOperations(entry.sample, entry.layer, entry.op.base);
    const { revision, ops, replaced } = found;
    const foreign = ops.filter(({ op }) => !entry.own.includes(op.id) && op.id !== entry.op.id);
    if (replaced || collisions(entry, foreign).length) {
      await this.collide(entry, foreign);
      return false;
    }
    entry.drawn ??= { base: entry.op.base, own: entry.own };
    entry.op = { ...entry.op, base: revision };
    entry.own = [];
    return true;
  }

  /**
   * A gesture is in the project: the next ones were drawn on it.
   *
   * @param {Entry} entry
   * @param {number} revision that it made.
   */
  async confirm(entry, revision) {
    const later = (/** @type {Entry} */ one) =>
      one.order > entry.order && one.maker === entry.maker;
    const followers = this.outbox.of(entry.sample, entry.layer).filter(later);
    for (const one of followers) {
      if (one.sent) continue;
      const next = revision === entry.op.base + 1 && one.op.base === entry.op.base;
      if (next && one.own.length === 0) one.op = { ...one.op, base: revision };
      else one.own = [...one.own, entry.op.id];
    }
    // In one step with the next gesture's base: nothing may be drawn in between.
    const kept = this.outbox.update(followers, [entry]);
    this.committed(entry, revision);
    await kept;
  }

  /**
   * A gesture, those of its tab that build on it, and what else those build on that waits for a
   * decision already: they stand or fall together.
   *
   * @param {Entry} entry
   * @returns {Entry[]} oldest first.
   */
  together(entry) {
    const group = [entry];
    const all = this.outbox.of(entry.sample, entry.layer);
    for (const one of all) {
      if (one.order <= entry.order || one.maker !== entry.maker || one.state === "refused")
        continue;
      const parts = touched(one.op, one.form);
      if (group.some((other) => meet(parts, touched(other.op, other.form)))) group.push(one);
    }
    const known = new Set(group.flatMap((one) => (one.group ? [one.group] : [])));
    return all.filter((one) => group.includes(one) || known.has(one.group));
  }

  /**
   * Hold back a gesture and those of this tab that build on it.
   *
   * @param {Entry} entry
   * @param {Committed[]} missing all that came after `entry.op.base`, from the first.
   */
  async collide(entry, missing) {
    // The page may have found it out before the server's answer came.
    if (entry.state !== "waiting") return;
    const group = this.together(entry);
    for (const one of group) if (one.state === "waiting") one.missing = collisions(entry, missing);
    await this.hold(group, "conflict");
  }

  /**
   * The server does not take a gesture: neither can those that build on it be sent.
   *
   * @param {Entry} entry
   * @param {string} reason for people.
   */
  async refuse(entry, reason) {
    const group = this.together(entry);
    for (const one of group) one.reason = reason;
    await this.hold(group, "refused");
  }

  /** @param {Entry[]} group oldest first. @param {"conflict" | "refused"} state */
  async hold(group, state) {
    for (const one of group) {
      one.state = state;
      one.group = group[0]?.op.id ?? "";
    }
    const kept = this.outbox.update(group);
    // In the same step: nothing may be drawn on them any more.
    this.collided(group);
    await kept;
  }
}

/** Where order matters. @param {Entry} entry @returns {string} */
function placeOf({ sample, layer }) {
  return `${sample}/${layer}`;
}

/**
 * The operations of others that touch what a gesture touches.
 *
 * @param {Entry} entry
 * @param {Committed[]} others
 * @returns {Committed[]}
 */
export function collisions(entry, others) {
  const parts = touched(entry.op, entry.form);
  return others.filter(({ op }) => meet(parts, touched(op, entry.form)));
}
