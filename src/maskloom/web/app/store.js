/**
 * What the page shows, in one observable object: who changes it calls `set`, who draws it
 * subscribes to the fields that it reads. Labels are not in here but in the open document (opened.js).
 */

/** @typedef {import("./types.js").Category} Category */
/** @typedef {{layer: string, opacity: number, fill: boolean, shown: boolean}} Overlay */

/**
 * @typedef {object} State
 * @property {import("./types.js").Project | null} project
 * @property {import("./types.js").Session | null} session
 * @property {boolean} signedOut whether the session has ended; work goes on and waits.
 * @property {import("./types.js").Sample | null} sample the image that is open.
 * @property {string} layer the layer that is edited.
 * @property {Overlay[]} overlays how each layer is drawn, the edited one first.
 * @property {string} tool
 * @property {number} size brush diameter in px of the image.
 * @property {string | null} category key of the class to draw with.
 * @property {string | null} selected uid of the selected object.
 * @property {string | null} made uid of the selected object while nobody chose it: the brush made it.
 * @property {"new" | "add" | "cut"} mode what a polygon does.
 * @property {boolean} exclusive whether new pixels are taken from neighbours.
 * @property {"images" | "review"} tab
 * @property {import("./types.js").Review[]} reviews
 * @property {number | null} review id of the review that is open.
 * @property {import("./types.js").ReviewItem | null} item the region that is judged.
 * @property {"none" | "loading" | "ready" | "failed"} phase of the open image.
 * @property {"none" | "opening" | "overview" | "shown" | "failed"} picture how much of the image
 *   is on the stage; "failed": nothing, and nothing is on its way.
 * @property {Error | null} fault why a part of the image, or all of it, is not there.
 * @property {object | null} going what is on its way to the stage; null: what is asked for is there.
 * @property {number} edited counts changes of the open document.
 * @property {number} returns counts how often the server answered again after it did not.
 */

/** @type {State} */
const START = {
  project: null,
  session: null,
  signedOut: false,
  sample: null,
  layer: "main",
  overlays: [],
  tool: "select",
  size: 24,
  category: null,
  selected: null,
  made: null,
  mode: "new",
  exclusive: false,
  tab: "images",
  reviews: [],
  review: null,
  item: null,
  phase: "none",
  picture: "none",
  fault: null,
  going: null,
  edited: 0,
  returns: 0,
};

/** @typedef {keyof State} Field */

/** @returns {Store} */
export function createStore() {
  return new Store({ ...START });
}

export class Store {
  /** @param {State} state */
  constructor(state) {
    /** @type {Readonly<State>} */
    this.state = state;
    /** @type {Set<{fields: Field[], call: (state: Readonly<State>) => void}>} */
    this.listeners = new Set();
  }

  /**
   * Change fields and tell those who read them, once, if any of their fields differs.
   *
   * @param {Partial<State>} patch
   */
  set(patch) {
    const before = this.state;
    this.state = { ...before, ...patch };
    const changed = /** @type {Field[]} */ (Object.keys(patch)).filter(
      (field) => before[field] !== this.state[field],
    );
    if (changed.length === 0) return;
    for (const listener of [...this.listeners]) {
      if (listener.fields.some((field) => changed.includes(field))) listener.call(this.state);
    }
  }

  /**
   * Call now and at every change of the fields.
   *
   * @param {Field[]} fields
   * @param {(state: Readonly<State>) => void} call
   * @returns {() => void} stops it.
   */
  watch(fields, call) {
    const listener = { fields, call };
    this.listeners.add(listener);
    call(this.state);
    return () => this.listeners.delete(listener);
  }
}

/**
 * The category of a key, also when the taxonomy does not know it any more.
 *
 * @param {Readonly<State>} state
 * @param {string | null} key
 * @returns {Category}
 */
export function categoryOf(state, key) {
  const found = state.project?.taxonomy.categories.find((one) => one.key === key);
  return (
    found ?? {
      key: key ?? "",
      name: key ?? "no class",
      kind: "thing",
      color: [128, 128, 128],
      void: false,
      retired: true,
    }
  );
}

/**
 * Whether the edited layer can be changed by this person.
 *
 * @param {Readonly<State>} state
 * @returns {boolean}
 */
export function isEditable(state) {
  const layer = state.project?.layers.find((one) => one.name === state.layer);
  return Boolean(state.sample) && !state.session?.readonly && !layer?.immutable;
}

/**
 * Why the edited layer cannot be changed, for people.
 *
 * @param {Readonly<State>} state of which `isEditable` is false.
 * @returns {string}
 */
export function whyFixed({ session, layer, sample }) {
  if (!sample) return "No image is open.";
  if (session?.readonly) return "This project is open for reading only: nothing can be changed.";
  return `${layer} is read only, as a model wrote it. Press Edit beside another layer.`;
}

/**
 * Whether the tool in hand draws a new object, whatever is selected.
 *
 * @param {Readonly<State>} state
 * @returns {boolean}
 */
export function drawsNew({ tool, mode }) {
  return tool === "polygon" && mode === "new";
}

/**
 * How a layer is drawn: as it was set, else the edited one strongly and others not at all.
 *
 * @param {Readonly<State>} state
 * @param {string} name
 * @returns {Overlay}
 */
export function overlayOf({ overlays, layer }, name) {
  const edited = name === layer;
  const known = overlays.find((one) => one.layer === name);
  return known ?? { layer: name, opacity: edited ? 0.35 : 0.2, fill: edited, shown: edited };
}

/**
 * The layers that are shown, the edited one lowest so that the others are seen on it.
 *
 * @param {Readonly<State>} state
 * @returns {Overlay[]}
 */
export function shownLayers(state) {
  const names = new Set([state.layer, ...state.overlays.map((one) => one.layer)]);
  return Array.from(names, (name) => overlayOf(state, name)).filter((one) => one.shown);
}
