/**
 * Words for codes: what the kinds of regions, verdicts and gestures are called on the page.
 */

/** @type {Record<string, string>} kinds of a region in review: four disagreements, seen from the
 *   labels, and what the split of a class leaves to be decided. */
export const KINDS = {
  missing: "Only in the labels",
  extra: "Only predicted",
  "wrong-class": "Other class",
  boundary: "Outline differs",
  split: "Class to choose",
};

/** @type {Record<string, {key: string, label: string, past: string, about: string}>} */
export const VERDICTS = {
  accepted: {
    key: "a",
    label: "Accept the prediction",
    past: "accepted",
    about: "Put what the model says into the labels",
  },
  kept: { key: "k", label: "Keep the labels", past: "kept", about: "The labels are right" },
  void: {
    key: "x",
    label: "Cannot be judged",
    past: "cannot be judged",
    about: "Nobody can tell what is right here; it is not listed again",
  },
  unsure: { key: "u", label: "Not sure", past: "not sure", about: "Let somebody else decide" },
  fixed: { key: "c", label: "Fixed by hand", past: "fixed by hand", about: "You corrected it yourself" },
};

/** @type {Record<string, string>} what a gesture was. */
const GESTURES = {
  brush: "brush stroke",
  eraser: "eraser stroke",
  polygon: "polygon",
  delete: "deletion",
  category: "class change",
  state: "done mark",
  accept: "accepted prediction",
  verdict: "verdict",
  undo: "undo",
  redo: "redo",
  merge: "merge",
};

/** @param {string} kind @returns {string} */
export function gestureName(kind) {
  return GESTURES[kind] ?? kind;
}

/**
 * When something happened, for people.
 *
 * @param {string} iso
 * @returns {string} the time today, else the day and the time.
 */
export function timeOf(iso) {
  const when = new Date(iso);
  if (Number.isNaN(when.getTime())) return iso;
  const today = when.toDateString() === new Date().toDateString();
  const time = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return today ? time : `${when.toLocaleDateString()} ${time}`;
}

/**
 * When something happened, as short as it still tells things of one list apart.
 *
 * @param {string} iso
 * @returns {string} the time today, else the day.
 */
export function dayOf(iso) {
  const when = new Date(iso);
  if (Number.isNaN(when.getTime())) return iso;
  const now = new Date();
  if (when.toDateString() === now.toDateString()) return timeOf(iso);
  const year = when.getFullYear() === now.getFullYear() ? {} : { year: /** @type {const} */ ("numeric") };
  return when.toLocaleDateString([], { day: "numeric", month: "short", ...year });
}

/**
 * A layer by as much of its name as people say, as in "model/unet@ab12#7".
 *
 * @param {string} layer
 */
export function shortLayer(layer) {
  return layer.replace(/#\d+$/, "").replace(/^model\/(.+?)(@[^@/]*)?$/, "$1");
}

/**
 * The name of a layer in parts between which a line may break: where the hash begins and after
 * folders. A longer name than has room loses its middle, as its end tells layers apart.
 *
 * @param {string} layer
 * @param {number} [most] letters that have room.
 * @returns {string[]}
 */
export function layerParts(layer, most = 60) {
  const cut = Math.floor(most / 2);
  const short = layer.length <= most ? layer : `${layer.slice(0, most - cut)}…${layer.slice(-cut)}`;
  return short.split(/(?<=\/)|(?=@)/);
}

/** @param {number} n @param {string} one @param {string} [many] @returns {string} */
export function counted(n, one, many = `${one}s`) {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}
