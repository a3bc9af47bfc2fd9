/**
 * The classes to draw with: choose by click or number key; choosing also gives the class to the
 * selected object, unless the tool in hand draws a new one. New classes are added here; merging and
 * splitting is done on the command line.
 */

import { chooseCategory } from "../edits.js";
import { api } from "../api.js";
import { button, element, fill, swatch } from "../dom.js";
import { withEdges } from "../edges.js";
import { categoryOf, drawsNew } from "../store.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../types.js").Category} Category */

/** More classes than this can be filtered. */
const MANY = 12;

/** @param {Page} page @returns {HTMLElement} */
export function createClasses(page) {
  const { store } = page;
  const list = element("div", {
    class: "palette",
    role: "radiogroup",
    "aria-label": "Class to draw with",
  });
  const filter = element("input", {
    class: "field",
    type: "search",
    placeholder: "Find a class",
    "aria-label": "Find a class",
  });
  const edges = withEdges(list, "class", "classes");
  const number = element("span", { class: "count" });
  const finding = element("div", { class: "adding" }, filter);
  const adding = createAdding(page);
  const add = button("plus", "Add a class", () => adding.open());
  /** @type {unknown[]} */
  let drawn = [];
  const draw = () => {
    // Every gesture calls this; few change what is seen.
    const { project } = store.state;
    const now = [project, chosenClass(page), filter.value.trim().toLowerCase()];
    if (now.every((one, i) => one === drawn[i])) return;
    const chosen = now[1] !== drawn[1];
    drawn = now;
    drawList(page, list, filter.value.trim().toLowerCase());
    if (chosen) list.querySelector("[aria-checked=true]")?.scrollIntoView({ block: "nearest" });
    edges.update();
  };
  filter.addEventListener("input", draw);
  list.addEventListener("keydown", (event) => moveFocus(event, list));
  store.watch(["project"], ({ project, session }) => {
    const offered = project?.taxonomy.categories.filter((one) => !one.retired) ?? [];
    finding.hidden = offered.length <= MANY;
    number.textContent = offered.length ? offered.length.toLocaleString() : "";
    add.hidden = Boolean(session?.readonly);
    if (offered.length === 0 && project) adding.open();
  });
  store.watch(["project", "category", "selected", "edited", "tool", "mode"], draw);
  return element(
    "section",
    { class: "section", "aria-label": "Classes" },
    element("header", {}, element("h2", {}, "Classes", number), add),
    finding,
    adding.root,
    edges.root,
  );
}

/** @param {Page} page @param {HTMLElement} list @param {string} wanted */
function drawList(page, list, wanted) {
  const { project } = page.store.state;
  const offered = project?.taxonomy.categories.filter((one) => !one.retired) ?? [];
  const chosen = chosenClass(page);
  const focused = list.contains(document.activeElement);
  fill(
    list,
    ...offered.map((one, i) => {
      if (wanted && !one.name.toLowerCase().includes(wanted)) return null;
      const is = one.key === chosen;
      return element(
        "button",
        {
          type: "button",
          class: "class",
          role: "radio",
          "aria-checked": String(is),
          tabindex: is || (!chosen && i === 0) ? "0" : "-1",
          title: one.void ? `${one.name}: counts nowhere` : one.name,
          onclick: () => chooseCategory(page, one.key),
        },
        swatch(one.color),
        element("span", { class: "clip" }, one.name),
        i < 10 ? element("kbd", {}, String((i + 1) % 10)) : null,
      );
    }),
  );
  if (focused)
    /** @type {HTMLElement | null} */ (list.querySelector("[aria-checked=true]"))?.focus();
}

/** Of the selected object, else the one to draw with. @param {Page} page @returns {string | null} */
function chosenClass({ store, opened }) {
  const { category, selected } = store.state;
  const item = selected && !drawsNew(store.state) ? opened.document?.objects.get(selected) : null;
  return item ? item.category : category;
}

/** Arrow keys walk through the classes. @param {KeyboardEvent} event @param {HTMLElement} list */
function moveFocus(event, list) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  const rows = /** @type {HTMLElement[]} */ ([...list.children]);
  const at = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  rows[Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
}

/** @param {Page} page @returns {{root: HTMLElement, open: () => void}} */
function createAdding(page) {
  const input = element("input", {
    class: "field",
    placeholder: "Name of the new class",
    "aria-label": "Name of the new class",
    maxlength: "100",
    autocomplete: "off",
  });
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const name = input.value.trim();
    if (!name) return;
    try {
      const key = freeKey(name, page.store.state.project?.taxonomy.categories ?? []);
      await api.migrate({ kind: "add", key, name });
      input.value = "";
      root.hidden = true;
      await page.refreshProject();
      if (page.opened.document?.form === "map") await page.opened.reload();
      page.store.set({ category: key });
      page.tell(`Class ${categoryOf(page.store.state, key).name} added.`);
    } catch (error) {
      page.tell(error instanceof Error ? error.message : String(error));
    }
  };
  const root = element(
    "form",
    { class: "adding", hidden: true, onsubmit: submit },
    input,
    element("button", { type: "submit", class: "button primary" }, "Add"),
  );
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    root.hidden = true;
    event.stopPropagation();
  });
  return {
    root,
    open: () => {
      root.hidden = false;
      input.focus();
    },
  };
}

/**
 * A key for a class: its name in lower case letters, digits and -, made unique.
 *
 * @param {string} name
 * @param {Category[]} known
 * @returns {string}
 */
export function freeKey(name, known) {
  const plain = name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const stem = plain.slice(0, 50) || "class";
  const taken = new Set(known.map(({ key }) => key));
  for (let n = 1; ; n++) {
    const key = n === 1 ? stem : `${stem}-${n}`;
    if (!taken.has(key)) return key;
  }
}
