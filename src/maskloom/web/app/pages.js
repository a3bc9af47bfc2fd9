/**
 * Rows of a long list on the server, fetched by pages when they are needed and kept while recent.
 * The list stays as it was at `restart`: rows that no longer pass its filter since then, as they
 * were just dealt with, keep their places, so that no page skips what comes after them.
 * It knows nothing of how rows look (virtual.js) and which is open (current.js).
 */

const SIZE = 100;
const KEPT = 30;

/** @typedef {{before: number, listed: boolean}} Position */

/**
 * What is asked for: some rows, of the list as it was at `since`, and where the row `of` is.
 *
 * @typedef {{offset: number, limit: number, since: number | null, of?: any}} Question
 */

/** @template {{id: number | string}} T */
export class Pages {
  /**
   * @param {(question: Question, signal: AbortSignal) => Promise<
   *   {total: number, rows: T[], sequence: number, position?: Position | null}>} ask
   * @param {() => void} resized the number of rows is known or changed.
   * @param {(index: number) => void} arrived a row can be drawn.
   */
  constructor(ask, resized, arrived) {
    this.ask = ask;
    this.resized = resized;
    this.arrived = arrived;
    this.total = 0;
    this.known = false;
    /** @type {number | null} what the first page said that the list is as of. */
    this.since = null;
    /** @type {{id: T["id"], index: number} | null} a row that the server found. */
    this.located = null;
    /** @type {Map<number, T[]>} */
    this.pages = new Map();
    /** @type {Map<number, Promise<void>>} */
    this.asked = new Map();
    this.request = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {[number, number]} */
    this.wanted = [0, 0];
  }

  /** Ask again from the start: the filter or the rows changed. */
  restart() {
    this.request.abort();
    this.request = new AbortController();
    this.pages.clear();
    this.asked.clear();
    this.since = null;
    this.located = null;
    return this.fetch(0);
  }

  /** Rows in view; fetched when scrolling rests. @param {number} first @param {number} last */
  need(first, last) {
    this.wanted = [first, last];
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const [from, to] = this.wanted;
      for (let n = Math.floor(from / SIZE); n * SIZE < Math.min(to, this.total); n++) {
        void this.fetch(n);
      }
    }, 60);
  }

  /** @param {number} index @returns {T | undefined} */
  get(index) {
    return this.pages.get(Math.floor(index / SIZE))?.[index % SIZE];
  }

  /** The same, fetched if need be. @param {number} index @returns {Promise<T | undefined>} */
  async load(index) {
    await this.fetch(Math.floor(index / SIZE));
    return this.get(index);
  }

  /**
   * Where a row is, as far as that is known here.
   *
   * @param {T["id"]} id
   * @returns {number} or -1
   */
  find(id) {
    for (const [number, rows] of this.pages) {
      const at = rows.findIndex((row) => row.id === id);
      if (at >= 0) return number * SIZE + at;
    }
    const { located } = this;
    const known = located?.id === id && !this.pages.has(Math.floor(located.index / SIZE));
    return known ? located.index : -1;
  }

  /**
   * Where a row is or would be, asking the server if need be.
   *
   * @param {T["id"]} id
   * @returns {Promise<Position | null>} null if it cannot be told now.
   */
  async locate(id) {
    const { signal } = this.request;
    if (this.since === null) await this.fetch(0);
    if (this.since === null || signal.aborted) return null;
    const index = this.find(id);
    if (index >= 0) return { before: index, listed: true };
    try {
      const question = { offset: 0, limit: 1, since: this.since, of: id };
      const { position = null } = await this.ask(question, signal);
      if (signal.aborted) return null;
      if (position?.listed) this.located = { id, index: position.before };
      return position;
    } catch {
      return null;
    }
  }

  /** @param {number} index @param {T} row */
  replace(index, row) {
    const rows = this.pages.get(Math.floor(index / SIZE));
    if (!rows) return;
    rows[index % SIZE] = row;
    this.arrived(index);
  }

  /** @param {number} number of the page. @returns {Promise<void>} */
  fetch(number) {
    const asked = this.asked.get(number);
    if (asked) return asked;
    const promise = this.answer(number, this.request.signal);
    this.asked.set(number, promise);
    return promise;
  }

  /** @param {number} number @param {AbortSignal} signal */
  async answer(number, signal) {
    try {
      if (number > 0 && this.since === null) await this.fetch(0);
      const { since } = this;
      if (number > 0 && since === null) throw new Error("the first page did not come");
      const question = { offset: number * SIZE, limit: SIZE, since };
      const { total, rows, sequence } = await this.ask(question, signal);
      if (signal.aborted) return;
      this.since ??= sequence;
      this.pages.set(number, rows);
      for (const old of this.pages.keys()) {
        if (this.pages.size <= KEPT) break;
        this.pages.delete(old);
        this.asked.delete(old);
      }
      if (total !== this.total || !this.known || number === 0) {
        this.total = total;
        this.known = true;
        this.resized();
      } else rows.forEach((_, i) => this.arrived(number * SIZE + i));
    } catch {
      // Asked again when the rows come into view again.
      if (this.asked.get(number) && !signal.aborted) this.asked.delete(number);
    }
  }
}
