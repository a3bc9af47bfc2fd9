/**
 * Undo and redo: of one's own gestures, one at a time, in this image and layer. The past is read
 * from the server when an image is opened, so it survives closing the page. What somebody else has
 * changed since is left alone, and said.
 */

import { canonical, inverse, meet, touched } from "../core/operations.js";
import { allOperations } from "./api.js";
import { gestureName } from "./words.js";

const WINDOW = 200;

/** @typedef {import("../core/operations.js").Operation} Operation */
/** @typedef {import("./api.js").Committed} Committed */

/**
 * @typedef {object} Event
 * @property {Operation} op
 * @property {boolean} mine
 * @property {string} author
 * @property {boolean} settled taken back by a later undo, or an undo that takes one back.
 * @property {boolean} skipped cannot be taken back: somebody built on it.
 * @property {Event | null} back what an undo or redo takes back.
 * @property {string} did its changes, to compare.
 */

export class History {
  /**
   * @param {import("./opened.js").Opened} opened
   * @param {(text: string) => void} tell
   */
  constructor(opened, tell) {
    this.opened = opened;
    this.tell = tell;
    /** @type {Event[]} oldest first. */
    this.events = [];
    /** @type {Operation[]} what was taken back, last first to come again. */
    this.redoable = [];
    /** Revision before the oldest event. */
    this.from = 0;
    /** Turn of `opened` whose past is known. */
    this.loaded = -1;
    this.author = "";
    /** @type {() => void} */
    this.changed = () => {};
  }

  /**
   * Learn the past of what is open.
   *
   * @param {string} author whose gestures are one's own.
   * @param {number} [window] how far back.
   */
  async load(author, window = WINDOW) {
    const { opened } = this;
    const { sample, layer, revision, turn } = opened;
    this.author = author;
    if (this.loaded !== turn) {
      this.forget();
      // At once: what is sent before the answer is here may be neither told by it nor wait any more.
      for (const { op } of opened.waiting()) this.note(op, author);
    }
    const old = new Set(this.events);
    const pending = new Set(opened.waiting().map(({ op }) => op.id));
    const { from, ops } = await lastOperations(sample, layer, revision, window);
    if (turn !== opened.turn) return;
    const told = new Set(ops.map(({ op }) => op.id));
    // What happened while the answer was under way comes after it, whether told or not.
    const later = this.events.filter(
      (one) => !old.has(one) || (pending.has(one.op.id) && !told.has(one.op.id)),
    );
    const made = new Set(later.map(({ op }) => op.id));
    this.forget();
    this.from = from;
    this.loaded = turn;
    for (const done of ops) if (!made.has(done.op.id)) this.note(done.op, done.author);
    for (const { op } of opened.waiting()) if (!made.has(op.id)) this.note(op, author);
    for (const one of later) this.note(one.op, one.author, one.mine);
  }

  /** Know of nothing that happened. */
  forget() {
    this.events = [];
    this.redoable = [];
    this.from = 0;
    this.loaded = -1;
    this.changed();
  }

  /**
   * Something happened.
   *
   * @param {Operation} op
   * @param {string} author
   * @param {boolean} [mine] false of another tab of the same person: each undoes its own.
   */
  note(op, author, mine = author === this.author) {
    if (this.events.some((one) => one.op.id === op.id)) return;
    /** @type {Event} */
    const event = { op, mine, author, settled: false, skipped: false, back: null, did: "" };
    event.did = canonical(op.changes);
    this.events.push(event);
    if (op.kind === "undo") this.pair(event);
    else if (op.kind === "redo") {
      event.back = this.opposite(event, ({ op: { kind } }) => kind === "undo");
      if (mine) this.redoable = this.redoable.filter((one) => one !== event.back?.op);
    } else if (mine) this.redoable = [];
    this.changed();
  }

  /** Find what an undo took back. @param {Event} event */
  pair(event) {
    const undone = this.opposite(event, ({ settled }) => !settled);
    if (!undone) return;
    event.back = undone;
    undone.settled = true;
    event.settled = true;
    if (event.mine) this.redoable.push(event.op);
  }

  /**
   * The newest event of the same person that did what another takes back.
   *
   * @param {Event} event
   * @param {(one: Event) => boolean} test
   * @returns {Event | null}
   */
  opposite(event, test) {
    const wanted = canonical(inverse(event.op, 0).changes);
    /** @param {Event} one */
    const fits = (one) =>
      one !== event && one.author === event.author && one.did === wanted;
    return this.newest((one) => test(one) && fits(one)) ?? null;
  }

  /** Forget gestures that never came to be, newest first. @param {string[]} ids */
  drop(ids) {
    for (const event of [...this.events].reverse()) {
      if (!ids.includes(event.op.id)) continue;
      this.events = this.events.filter((one) => one !== event);
      this.redoable = this.redoable.filter((op) => op !== event.op);
      const { back, mine } = event;
      if (!back) continue;
      if (event.op.kind === "undo") back.settled = false;
      else if (mine) this.redoable.push(back.op);
    }
    this.changed();
  }

  /** The next event to take back. @returns {Event | undefined} */
  next() {
    return this.newest((one) => one.mine && !one.settled && !one.skipped && one.op.kind !== "undo");
  }

  /** @param {(event: Event) => boolean} test @returns {Event | undefined} */
  newest(test) {
    return [...this.events].reverse().find(test);
  }

  get canUndo() {
    return this.next() !== undefined || this.from > 0 || this.loaded !== this.opened.turn;
  }

  get canRedo() {
    return this.redoable.length > 0;
  }

  /** @returns {Promise<Operation | null>} what was done, if anything was. */
  async undo() {
    const { document } = this.opened;
    if (!document) return null;
    const enough = this.next() || (this.loaded === this.opened.turn && this.from === 0);
    if (!enough && !(await this.learn())) return null;
    const event = this.next();
    if (!event) return this.refuse("Nothing to undo.");
    const name = gestureName(event.op.kind);
    const other = this.blocker(event, document.form);
    if (other) {
      event.skipped = true;
      this.changed();
      return this.refuse(`The ${name} stays: ${other} changed the same place since.`);
    }
    const told = event.op.kind === "redo" ? "Undone again" : `Undid: ${name}`;
    return this.perform(inverse(event.op, this.opened.revision, "undo"), told);
  }

  /** @returns {Promise<Operation | null>} what was done, if anything was. */
  async redo() {
    // What was taken back lies in the newest part, which is loaded first.
    if (this.loaded !== this.opened.turn && !(await this.learn())) return null;
    const op = this.redoable.at(-1);
    const event = this.events.find((one) => one.op === op);
    const { document } = this.opened;
    if (!op || !event || !document) return this.refuse("Nothing to redo.");
    const other = this.blocker(event, document.form);
    if (other) {
      this.redoable = [];
      this.changed();
      return this.refuse(`Redo is not possible: ${other} changed the same place since.`);
    }
    return this.perform(inverse(op, this.opened.revision, "redo"), "Redone");
  }

  /** Load more of the past. @returns {Promise<boolean>} false if that failed, which is told. */
  async learn() {
    const { turn, revision } = this.opened;
    const more = this.loaded === turn ? 4 * (revision - this.from) : 0;
    try {
      await this.load(this.author, more + WINDOW);
      return true;
    } catch (error) {
      this.tell(`That cannot be done now: ${/** @type {Error} */ (error).message}`);
      return false;
    }
  }

  /** @param {string} why @returns {null} nothing was done. */
  refuse(why) {
    this.tell(why);
    return null;
  }

  /** @param {Operation} op @param {string} done what to tell. @returns {Operation | null} */
  perform(op, done) {
    try {
      this.opened.perform(op);
    } catch {
      return this.refuse("That place was changed since, so it is left as it is.");
    }
    this.tell(done);
    return op;
  }

  /**
   * Who changed the same place later.
   *
   * @param {Event} event
   * @param {"rows" | "map"} form
   * @returns {string | null}
   */
  blocker(event, form) {
    const parts = touched(event.op, form);
    const later = this.events.slice(this.events.indexOf(event) + 1);
    // An undo and the redo that takes it back, both later, are nothing together.
    /** @param {Event} one */
    const counts = (one) => !one.settled && !(one.back && later.includes(one.back));
    const hit = later.find((one) => counts(one) && meet(parts, touched(one.op, form)));
    if (!hit) return null;
    return hit.mine ? "you" : hit.author;
  }
}

/**
 * What happened last, back to a revision or to the import that the labels began with.
 *
 * @param {number} sample @param {string} layer @param {number} revision
 * @param {number} window how many revisions at most.
 * @returns {Promise<{from: number, ops: Committed[]}>} from 0 if there is nothing before.
 */
async function lastOperations(sample, layer, revision, window) {
  let imported = Math.max(0, revision - window);
  const all = await allOperations(sample, layer, imported);
  if (!all.replaced) return { from: imported, ops: all.ops };
  // Somewhere after `imported` labels came by import, mostly in the next revision.
  let found = await allOperations(sample, layer, imported + 1);
  if (!found.replaced) return { from: 0, ops: found.ops };
  for (let sound = revision; imported + 1 < sound;) {
    const middle = (imported + sound) >> 1;
    const portion = await allOperations(sample, layer, middle);
    if (portion.replaced) imported = middle;
    else [sound, found] = [middle, portion];
  }
  return { from: 0, ops: found.replaced ? [] : found.ops };
}
