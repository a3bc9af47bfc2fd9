/**
 * A list of which only the rows in view exist: 100,000 rows scroll like ten.
 * Rows have one height; the keyboard moves an active row (arrows, Page, Home, End, Enter).
 */

import { element } from "./dom.js";

const SPARE = 6;
/** Chromium and Firefox clip elements taller than some ten million px. */
const TALLEST = 8_000_000;

/**
 * @typedef {object} Plan
 * @property {string} label what the list is, for screen readers.
 * @property {number} height px of a row.
 * @property {(row: HTMLElement, index: number) => void} draw fills a row, again and again.
 * @property {(index: number) => void} choose a row was pressed.
 * @property {(first: number, last: number) => void} [seen] which rows are in view.
 */

export class VirtualList {
  /** @param {Plan} plan */
  constructor(plan) {
    this.plan = plan;
    this.count = 0;
    this.active = -1;
    /** @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    this.spacer = element("div", { class: "rows-space", role: "presentation" });
    this.root = element(
      "div",
      { class: "rows", role: "listbox", tabindex: "0", "aria-label": plan.label },
      this.spacer,
    );
    this.root.addEventListener("scroll", () => this.place(), { passive: true });
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.root.addEventListener("click", (event) => this.click(event));
    this.height = 0;
    new ResizeObserver(() => this.fit()).observe(this.root);
  }

  /** The list got another height; one that was hidden could not scroll to its active row. */
  fit() {
    const appeared = this.height === 0;
    this.height = this.root.clientHeight;
    if (appeared && this.active >= 0 && this.height > 0) this.reveal(this.active);
    else this.place();
  }

  /** Virtual px per px scrolled: 1 but for lists too tall for a browser. */
  get ratio() {
    const tall = this.count * this.plan.height;
    if (tall <= TALLEST) return 1;
    return (tall - this.root.clientHeight) / (TALLEST - this.root.clientHeight);
  }

  /** @param {number} count rows from now on; every row in view is drawn again. */
  resize(count) {
    this.count = count;
    this.spacer.style.height = `${Math.min(count * this.plan.height, TALLEST)}px`;
    if (this.active >= count) this.active = count - 1;
    this.redraw();
  }

  redraw() {
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.place();
  }

  /** Draw one row again, if it is in view. @param {number} index */
  refresh(index) {
    const row = this.rows.get(index);
    if (row) this.drawRow(row, index);
  }

  place() {
    const { height } = this.plan;
    const top = this.root.scrollTop * this.ratio;
    const first = Math.max(0, Math.floor(top / height) - SPARE);
    const last = Math.min(this.count, Math.ceil((top + this.root.clientHeight) / height) + SPARE);
    for (const [index, row] of this.rows) {
      if (index < first || index >= last) {
        row.remove();
        this.rows.delete(index);
      }
    }
    const shift = this.root.scrollTop - top;
    for (let index = first; index < last; index++) {
      const row = this.rows.get(index) ?? this.makeRow(index);
      row.style.transform = `translateY(${Math.round(index * height + shift)}px)`;
    }
    this.plan.seen?.(first, last);
  }

  /** @param {number} index @returns {HTMLElement} */
  makeRow(index) {
    const row = element("div", { class: "row", role: "option", "data-index": index });
    row.id = `row-${this.plan.label.replace(/\W/g, "")}-${index}`;
    row.style.height = `${this.plan.height}px`;
    this.rows.set(index, row);
    this.drawRow(row, index);
    this.root.append(row);
    return row;
  }

  /** @param {HTMLElement} row @param {number} index */
  drawRow(row, index) {
    this.plan.draw(row, index);
    const active = index === this.active;
    row.classList.toggle("active", active);
    row.setAttribute("aria-selected", String(active));
    row.setAttribute("aria-setsize", String(this.count));
    row.setAttribute("aria-posinset", String(index + 1));
    if (active) this.root.setAttribute("aria-activedescendant", row.id);
  }

  /** Mark a row and scroll it into view. @param {number} index -1 marks none. */
  activate(index) {
    const before = this.active;
    this.active = index;
    if (index >= 0) this.reveal(index);
    else this.root.removeAttribute("aria-activedescendant");
    this.refresh(before);
    this.refresh(index);
  }

  /** @param {number} index */
  reveal(index) {
    const { height } = this.plan;
    const top = this.root.scrollTop * this.ratio;
    const lowest = (index + 1) * height - this.root.clientHeight;
    if (index * height < top) this.root.scrollTop = (index * height) / this.ratio;
    else if (lowest > top) this.root.scrollTop = Math.ceil(lowest / this.ratio);
    this.place();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const page = Math.max(1, Math.floor(this.root.clientHeight / this.plan.height) - 1);
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    let index = this.active;
    if (event.key in moves) index += moves[event.key] ?? 0;
    else if (event.key === "Home") index = 0;
    else if (event.key === "End") index = this.count - 1;
    else if (event.key === "Enter") {
      if (this.active >= 0) this.plan.choose(this.active);
      event.preventDefault();
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    if (this.count) this.activate(Math.min(this.count - 1, Math.max(0, index)));
  }

  /** @param {MouseEvent} event */
  click(event) {
    const target = /** @type {Element} */ (event.target);
    const row = /** @type {HTMLElement | null} */ (target.closest("[data-index]"));
    if (!row || target.closest("button")) return;
    const index = Number(row.dataset["index"]);
    this.activate(index);
    this.plan.choose(index);
  }
}
