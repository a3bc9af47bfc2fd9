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
const TABS = /** @type {const} */ ([
  ["images", "Images"],
  ["review", "Review"],
]);

/** @param {Page} page @param {HTMLElement} root */
export function createBrowse(page, root) {
  const { store } = page;
  const pages = { images: createImages(page), review: createQueue(page) };
  const tabs = TABS.map(([name, label]) =>
    element(
      "button",
      {
        type: "button",
        class: "tab",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": name,
        onclick: () => store.set({ tab: name }),
      },
      label,
    ),
  );
  const bar = element("div", { class: "tabs", role: "tablist", "aria-label": "What to work through" }, ...tabs);
  bar.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.stopPropagation();
    store.set({ tab: store.state.tab === "images" ? "review" : "images" });
    tabs[store.state.tab === "images" ? 0 : 1]?.focus();
  });
  fill(root, bar, pages.images, pages.review);
  store.watch(["tab", "reviews"], ({ tab, reviews }) => {
    TABS.forEach(([name, label], i) => {
      const button = /** @type {HTMLElement} */ (tabs[i]);
      const on = name === tab;
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
      pages[name].hidden = !on;
      const open = name === "review" ? reviews.reduce((sum, one) => Math.max(sum, one.open), 0) : 0;
      fill(button, label, open ? element("span", { class: "count" }, ` ${open.toLocaleString()}`) : null);
    });
  });
  page.find = () => {
    store.set({ tab: "images" });
    show(page, "browse", true);
    document.getElementById("search")?.focus();
  };
  addToggles(page);
  if (NARROW.matches) show(page, "browse", false);
  store.watch(["sample"], ({ sample }) => {
    if (sample && NARROW.matches) show(page, "browse", false);
  });
}

/** @param {Page} page @param {HTMLElement} root */
export function createInspect(page, root) {
  fill(root, createClasses(page), createObjects(page), createLayers(page));
}

/** @param {Page} page */
function addToggles(page) {
  page.togglePanel = (name) => show(page, name, work().classList.contains(`no-${name}`));
}

/** @param {Page} _page @param {"browse" | "inspect"} name @param {boolean} on */
function show(_page, name, on) {
  work().classList.toggle(`no-${name}`, !on);
}

/** @returns {Element} */
function work() {
  return /** @type {Element} */ (document.querySelector(".work"));
}
