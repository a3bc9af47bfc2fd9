/**
 * Rows of a long list on the server, fetched by pages when they are needed and kept while recent.
 * It knows nothing of how they look; see virtual.js.
 */

const SIZE = 100;
const KEPT = 30;

/** @template T */
export class Pages {
  /**
   * @param {(offset: number, limit: number, signal: AbortSignal) =>
   *   Promise<{total: number, rows: T[]}>} ask
   * @param {() => void} resized the number of rows is known or changed.
   * @param {(index: number) => void} arrived a row can be drawn.
   */
  constructor(ask, resized, arrived) {
    this.ask = ask;
    this.resized = resized;
    this.arrived = arrived;
    this.total = 0;
    this.known = false;
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

  /** Among the rows that are here. @param {(row: T) => boolean} test @returns {number} or -1 */
  find(test) {
    for (const [number, rows] of this.pages) {
      const at = rows.findIndex(test);
      if (at >= 0) return number * SIZE + at;
    }
    return -1;
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
      const { total, rows } = await this.ask(number * SIZE, SIZE, signal);
      if (signal.aborted) return;
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
