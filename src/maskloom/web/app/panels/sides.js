/**
 * The two side panels: images and review on the left, classes, objects and layers on the right.
 * On narrow screens the left one lies over the image.
 */

import { element, fill } from "../dom.js";
import { createClasses } from "./classes.js";
import { createImages } from "./images.js";
import { createLayers } from "./layers.js";
import { createObjects } from "./objects.js";
import { createQueue } from "./queue.js";

/** @typedef {import("../page.js").Page} Page */

const NARROW = matchMedia("(max-width: 1040px)");
/** So narrow that beside the classes no image would be left. */
const PHONE = matchMedia("(max-width: 720px)");
const TABS = /** @type {const} */ ([
  ["images", "Images"],
  ["review", "Review"],
]);

/** @param {Page} page @param {HTMLElement} root */
export function createBrowse(page, root) {
  const { store } = page;
  const pages = { images: createImages(page), review: createQueue(page) };
  fill(root, createTabs(page), pages.images, pages.review);
  store.watch(["tab"], ({ tab }) => {
    for (const [name] of TABS) pages[name].hidden = name !== tab;
  });
  page.find = () => {
    store.set({ tab: "images" });
    show("browse", true);
    document.getElementById("search")?.focus();
  };
  page.togglePanel = (name) => show(name, work().classList.contains(`no-${name}`));
  if (NARROW.matches) show("browse", false);
  // In a window that was made narrow the panel would lie over the tools and the card.
  NARROW.addEventListener("change", () => show("browse", !NARROW.matches));
  store.watch(["sample"], ({ sample }) => {
    if (sample && NARROW.matches) show("browse", false);
  });
}

/** @param {Page} page @returns {HTMLElement} */
function createTabs({ store }) {
  const tabs = TABS.map(([name]) =>
    element("button", {
      type: "button",
      class: "tab",
      role: "tab",
      id: `tab-${name}`,
      "aria-controls": name,
      onclick: () => store.set({ tab: name }),
    }),
  );
  const attributes = { class: "tabs", role: "tablist", "aria-label": "What to work through" };
  const bar = element("div", attributes, ...tabs);
  bar.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.stopPropagation();
    store.set({ tab: store.state.tab === "images" ? "review" : "images" });
    tabs[store.state.tab === "images" ? 0 : 1]?.focus();
  });
  store.watch(["tab", "reviews"], ({ tab, reviews }) => {
    const open = Math.max(0, ...reviews.map((one) => one.open));
    TABS.forEach(([name, label], i) => {
      const one = /** @type {HTMLElement} */ (tabs[i]);
      one.setAttribute("aria-selected", String(name === tab));
      one.tabIndex = name === tab ? 0 : -1;
      const told = name === "review" && open > 0;
      fill(one, label, told && element("span", { class: "count" }, ` ${open.toLocaleString()}`));
    });
  });
  return bar;
}

/** @param {Page} page @param {HTMLElement} root */
export function createInspect(page, root) {
  fill(root, createClasses(page), createObjects(page), createLayers(page));
  if (PHONE.matches) show("inspect", false);
  PHONE.addEventListener("change", () => show("inspect", !PHONE.matches));
}

/** @param {"browse" | "inspect"} name @param {boolean} on */
function show(name, on) {
  work().classList.toggle(`no-${name}`, !on);
}

/** @returns {Element} */
function work() {
  return /** @type {Element} */ (document.querySelector(".work"));
}
