/**
 * What buttons and keys do to labels: choose a class, delete, mark as done, judge a region, go on.
 * Which key does what is in actions.js; drawing is in tools.
 */

import { deleteObject, setField } from "../core/gestures.js";
import { judge, judgeClass } from "./judge.js";
import { drawsNew, isEditable, whyFixed } from "./store.js";

/** @typedef {import("./page.js").Page} Page */

const LEAST_SIZE = 1;
const MOST_SIZE = 1000;

/** @param {Page} page @param {number} by -1 or 1. */
export function resizeBrush({ store }, by) {
  const { size } = store.state;
  const step = size < 10 ? 1 : size < 40 ? 2 : Math.round(size / 10);
  store.set({ size: Math.min(MOST_SIZE, Math.max(LEAST_SIZE, size + by * step)) });
}

/**
 * Choose a class to draw with, and give it to the selected object, unless the next thing drawn is a
 * new one: the object drawn last stays selected, and is not what the class is chosen for.
 *
 * @param {Page} page
 * @param {string} key
 */
export function chooseCategory(page, key) {
  const { store, opened } = page;
  const { selected } = store.state;
  store.set({ category: key });
  const { document } = opened;
  if (!selected || !document?.objects.has(selected) || !isEditable(store.state)) return;
  if (document.form === "map" || drawsNew(store.state)) return;
  opened.change("category", [setField(document, selected, "category", key)]);
}

/** The class at a place of the palette. @param {Page} page @param {number} place from 0. */
export function choosePlace(page, place) {
  const { project } = page.store.state;
  const category = (project?.taxonomy.categories ?? []).filter((one) => !one.retired)[place];
  if (category) chooseCategory(page, category.key);
}

/** What to do where a key is for objects. */
const NO_OBJECTS = "A class map has no objects. Paint over it with another class, or erase (E).";

/** Let go of the selected object: what is drawn next is a new one. @param {Page} page */
export function beginObject({ opened, store, tell }) {
  if (opened.document?.form === "map") return tell(NO_OBJECTS);
  if (!isEditable(store.state)) return tell(whyFixed(store.state));
  store.set({ selected: null });
}

/** @param {Page} page @param {string | null} uid */
export function removeObject({ opened, store, tell }, uid) {
  const { document } = opened;
  if (document?.form === "map") return tell(NO_OBJECTS);
  if (!isEditable(store.state)) return tell(whyFixed(store.state));
  if (!uid || !document?.objects.has(uid)) return tell("No object is selected.");
  opened.change("delete", [deleteObject(uid)]);
  store.set({ selected: null });
}

/** @param {Page} page */
export function toggleDone(page) {
  const { document } = page.opened;
  const { state } = page.store;
  if (!isEditable(state)) return page.tell(whyFixed(state));
  if (!document) return;
  const done = document.value("", "state") === "done";
  page.opened.change("state", [setField(document, "", "state", done ? "doing" : "done")]);
  if (!done) page.tell("Done. Press . for the next image.");
}

/** @param {Page} page @param {import("./judge.js").Verdict} verdict */
export async function decide(page, verdict) {
  if (judge(page, verdict) && verdict) await advance(page, 1);
}

/** Settle a region of a class that was split. @param {Page} page @param {string} key of the class. */
export async function decideClass(page, key) {
  if (judgeClass(page, key)) await advance(page, 1);
}

/** To the next image or region, or one before. @param {Page} page @param {number} by */
export async function advance(page, by) {
  const { store } = page;
  const regions = store.state.tab === "review";
  const step = { by };
  store.set({ going: step });
  const moved = await (regions ? page.stepItem(by) : page.step(by));
  if (store.state.going === step) store.set({ going: null });
  const what = regions ? "region" : "image";
  if (!moved) page.tell(by > 0 ? `This was the last ${what}.` : `This is the first ${what}.`);
}
