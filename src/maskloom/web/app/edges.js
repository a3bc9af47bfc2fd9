/**
 * Tells that a list goes on beyond its edges: a shadow at each edge behind which there is more,
 * and below a button that says how much and goes there. Style: `.edges` in style/panels.css.
 */

import { element } from "./dom.js";
import { counted } from "./words.js";

/**
 * @param {HTMLElement} list that scrolls; its children are its rows.
 * @param {string} one what a row is called.
 * @param {string} many
 * @returns {{root: HTMLElement, update: () => void}} what to put into the page in place of the
 *   list, and what to call when rows were added or removed.
 */
export function withEdges(list, one, many) {
  const more = element("button", { type: "button", class: "more", hidden: true });
  const root = element("div", { class: "edges" }, list, more);
  const below = () => {
    const end = list.getBoundingClientRect().bottom;
    // A row of which more than half is seen is seen.
    return /** @type {HTMLElement[]} */ ([...list.children]).filter((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return (top + bottom) / 2 > end;
    });
  };
  const update = () => {
    const hidden = below();
    root.classList.toggle("up", list.scrollTop > 1);
    root.classList.toggle("down", hidden.length > 0);
    more.hidden = hidden.length === 0;
    more.textContent = `${hidden.length.toLocaleString()} more ↓`;
    more.setAttribute("aria-label", `${counted(hidden.length, `more ${one}`, `more ${many}`)} below`);
  };
  more.addEventListener("click", () => {
    const [first] = below();
    first?.scrollIntoView({ block: "start" });
    // The button may be gone now, and the focus with it.
    const target = first?.closest("button") ?? first?.querySelector("button");
    target?.focus();
  });
  list.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(list);
  return { root, update };
}
