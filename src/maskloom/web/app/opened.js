/**
 * The document that is open: it moves on at once by the gestures of this tab and, as they arrive,
 * by those of others. Gestures go through the outbox; what collides is taken back until a decision
 * (conflicts.js). It draws nothing; layers.js does.
 */

import { Document } from "../core/document.js";
import { DataError } from "../core/errors.js";
import { inverse, makeOperation, meet, touched } from "../core/operations.js";
import { api } from "./api.js";
import { applied, missingOperations, replay } from "./replay.js";

const POLL = 1500;

/** @typedef {import("../core/operations.js").Operation} Operation */
/** @typedef {import("../core/operations.js").Change} Change */
/** @typedef {import("../core/document.js").Effect} Effect */
/** @typedef {import("./api.js").Committed} Committed */
/** @typedef {import("./outbox.js").Entry} Entry */

export class Opened {
  /**
   * @param {import("./outbox.js").Outbox} outbox
   * @param {import("./sender.js").Sender} sender
   */
  constructor(outbox, sender) {
    this.outbox = outbox;
    this.sender = sender;
    /** @type {Document | null} */
    this.document = null;
    this.sample = 0;
    this.layer = "main";
    /** Up to here everything is in the document. */
    this.revision = 0;
    /** The newest revision that this tab's gestures are known to have made. */
    this.heard = 0;
    /** @type {string[]} ids of this tab's operations, committed after `revision`. */
    this.own = [];
    /** @type {Set<string>} ids of operations in the document that no poll has told yet. */
    this.ahead = new Set();
    this.turn = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {(effect: Effect | null) => void} null: everything may differ. */
    this.changed = () => {};
    /** @type {(op: Operation) => void} this tab made an operation. */
    this.made = () => {};
    /** @type {(done: Committed, mine: boolean) => void} the server has an operation. */
    this.seen = () => {};
    /** @type {(error: unknown) => void} */
    this.failed = () => {};
  }

  /** @returns {[number, number]} H, W. */
  get size() {
    return this.document?.size ?? [1, 1];
  }

  /** Close what is open; answers that are under way come to nothing. */
  close() {
    this.turn++;
    clearTimeout(this.timer);
    this.document = null;
    this.revision = 0;
    this.heard = 0;
    this.own = [];
    this.ahead.clear();
  }

  /**
   * Load a sample in a layer, with the gestures that still wait in the outbox.
   *
   * @param {number} sample
   * @param {string} layer
   * @returns {Promise<boolean>} false if something else was opened meanwhile.
   */
  async open(sample, layer) {
    this.close();
    const { turn } = this;
    this.sample = sample;
    this.layer = layer;
    const document = new Document(await api.document(sample, layer));
    const done = await this.replay(document, document.revision);
    if (turn !== this.turn) return false;
    this.document = document;
    this.revision = done.revision;
    this.ahead = done.ahead;
    this.changed(null);
    this.poll(POLL);
    return true;
  }

  /** Load again what is open. */
  async reload() {
    const { turn } = this;
    try {
      const document = new Document(await api.document(this.sample, this.layer));
      const done = await this.replay(document, this.revision);
      if (turn !== this.turn) return;
      const past = this.revision;
      this.document = document;
      this.revision = done.revision;
      this.own = this.own.filter((id) => !done.known.has(id));
      this.ahead = done.ahead;
      for (const one of done.ops) if (one.revision > past) this.seen(one, false);
      this.changed(null);
    } catch (error) {
      this.failed(error);
    }
  }

  /**
   * Bring a document from the server to where this tab is.
   *
   * @param {Document} document
   * @param {number} from revision after which operations are wanted too.
   */
  async replay(document, from) {
    const { sample, layer, outbox } = this;
    const waiting = () => this.waiting(sample, layer);
    // What was confirmed while an answer was under way waits no more, and must not be lost by it.
    const least = () => Math.max(this.revision, this.heard);
    const ops = await missingOperations(
      { sample, layer },
      { waiting, least, loaded: document.revision, from },
    );
    const entries = waiting();
    const done = replay(document, ops, entries, (entry, others) => {
      void this.sender.collide(entry, others);
    });
    // What this tab draws from now on is drawn on them.
    const taken = entries.filter(({ op, maker }) => maker !== outbox.tab && done.ahead.has(op.id));
    for (const entry of taken) entry.maker = outbox.tab;
    if (taken.length) void outbox.update(taken);
    return done;
  }

  /**
   * @param {number} [sample]
   * @param {string} [layer]
   * @returns {Entry[]}
   */
  waiting(sample = this.sample, layer = this.layer) {
    return this.outbox.of(sample, layer).filter((one) => one.state === "waiting");
  }

  /**
   * Take gestures that collided out of the document at once, so that nothing is drawn on them.
   *
   * @param {Entry[]} entries with all that build on them.
   */
  takeBack(entries) {
    for (const { op } of [...entries].reverse()) {
      if (!this.document || !this.ahead.has(op.id)) continue;
      if (applied(this.document, inverse(op, this.revision), this.changed))
        this.ahead.delete(op.id);
    }
  }

  /**
   * One gesture: shown at once, kept on this computer, then sent.
   *
   * @param {string} kind
   * @param {(Change | null)[]} changes at most one per object.
   * @returns {Operation | null} null where nothing changes.
   * @throws {DataError} the outcome would not be sound.
   */
  change(kind, changes) {
    const real = changes.filter((change) => change !== null);
    if (real.length === 0) return null;
    return this.perform(
      makeOperation({ layer: this.layer, base: this.revision, kind, changes: real }),
    );
  }

  /** @param {Operation} op made for the document as it is. @returns {Operation} */
  perform(op) {
    const document = this.document;
    if (!document) throw new DataError("no document is open");
    const effect = document.apply(op);
    this.ahead.add(op.id);
    const { sample, layer } = this;
    const entry = { sample, layer, form: document.form, op, own: [...this.own] };
    void this.outbox.add(entry).then(() => this.sender.wake());
    this.changed(effect);
    this.made(op);
    return op;
  }

  /**
   * The server has a gesture of this tab.
   *
   * @param {Entry} entry
   * @param {number} revision that it made.
   */
  confirm(entry, revision) {
    if (entry.sample !== this.sample || entry.layer !== this.layer) return;
    this.heard = Math.max(this.heard, revision);
    if (!this.document || !this.ahead.has(entry.op.id)) return;
    if (revision === this.revision + 1 && this.own.length === 0) {
      this.revision = revision;
      this.ahead.delete(entry.op.id);
      this.document.settle(entry.op);
    } else {
      this.own.push(entry.op.id);
      this.poll(0);
    }
  }

  /** Ask for other people's operations, soon. @param {number} delay ms. */
  poll(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), delay);
  }

  async ask() {
    const { turn, document } = this;
    if (!document) return;
    try {
      if (!globalThis.document.hidden) {
        const found = await api.operations(this.sample, this.layer, this.revision);
        if (turn !== this.turn) return;
        // Loaded anew meanwhile, it is of another revision than the one that was asked for.
        const same = document === this.document;
        if (same && found.replaced) await this.reload();
        else if (same) this.take(found);
        if (found.more || !same) return this.poll(0);
      }
    } catch (error) {
      this.failed(error);
    }
    if (turn === this.turn) this.poll(POLL);
  }

  /** @param {import("./api.js").Portion} found after `revision`. */
  take({ revision, ops }) {
    if (revision <= this.revision || !this.document) return;
    const told = new Set(ops.map(({ op }) => op.id));
    for (const done of ops.filter((one) => one.revision > this.revision)) {
      const mine = this.ahead.delete(done.op.id);
      const parts = touched(done.op, this.document.form);
      const waiting = this.waiting().filter(({ op }) => !told.has(op.id));
      const hit = !mine && waiting.some((one) => meet(parts, touched(one.op, one.form)));
      if (hit || (!mine && !applied(this.document, done.op, this.changed))) {
        // The server's answer to the gesture tells all that it collides with.
        if (hit) this.sender.wake();
        return void this.reload();
      }
      // Step by step: what is in the document must never be applied again.
      this.revision = done.revision;
      this.own = this.own.filter((id) => id !== done.op.id);
      if (this.document.settle(done.op)) this.changed(null);
      this.seen(done, mine);
    }
    this.revision = revision;
  }
}
