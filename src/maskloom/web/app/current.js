/**
 * The row of a long list that is open on the page: marked and in view, and steps go on from it,
 * also where its part of the list was not fetched yet, or where the filter leaves it out.
 */

/** @typedef {{id: number | string}} Row */

/** @template {Row} T */
export class Current {
  /**
   * @param {import("./pages.js").Pages<T>} rows
   * @param {import("./virtual.js").VirtualList} list that shows them.
   * @param {() => T["id"] | null} open what is open.
   */
  constructor(rows, list, open) {
    this.rows = rows;
    this.list = list;
    this.open = open;
  }

  /** Show which row is open. */
  mark() {
    const id = this.open();
    const index = id === null ? -1 : this.rows.find(id);
    if (index !== this.list.active) this.list.activate(index);
    if (id !== null && index < 0 && this.rows.since !== null) void this.seek(id);
  }

  /** @param {T["id"]} id */
  async seek(id) {
    const at = await this.rows.locate(id);
    const still = this.open() === id && this.list.active < 0;
    if (at?.listed && still) this.list.activate(at.before);
  }

  /**
   * The row some rows away from the one that is open, or from where that would be.
   *
   * @param {number} by 1 or -1.
   * @returns {Promise<{index: number, row: T | undefined} | null>} null: the list ends there;
   *   without a row the server could not tell.
   */
  async beside(by) {
    const index = await this.indexBeside(by);
    if (index === null) return { index: -1, row: undefined };
    if (this.rows.known && (index < 0 || index >= this.rows.total)) return null;
    return { index, row: await this.rows.load(index) };
  }

  /** @param {number} by @returns {Promise<number | null>} */
  async indexBeside(by) {
    if (this.list.active >= 0) return this.list.active + by;
    const id = this.open();
    if (id === null) return by > 0 ? by - 1 : by;
    const at = await this.rows.locate(id);
    if (!at) return null;
    // What is not in the list lies between two rows.
    return at.listed || by < 0 ? at.before + by : at.before + by - 1;
  }
}
