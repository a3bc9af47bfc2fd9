/**
 * What this tab did, over all images: undo takes back what was done last also where the page has
 * moved on since, as after a verdict, and goes back there to show it. How an image's gestures are
 * taken back is history.js.
 */

const MOST = 1000;
/** ms until an image that does not open is given up. */
const PATIENCE = 20_000;

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./route.js").Route} Route */
/** @typedef {import("../core/operations.js").Operation} Operation */

/**
 * @typedef {object} Step
 * @property {string} id of the gesture.
 * @property {number} sample
 * @property {string} layer
 * @property {Route} route what was open.
 */

export class Trail {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    /** @type {Step[]} oldest first. */
    this.done = [];
    /** @type {Step[]} what was taken back, last first to come again. */
    this.undone = [];
    this.busy = false;
  }

  /** This tab made an operation. @param {Operation} op */
  note(op) {
    const step = this.here(op.id);
    if (op.kind === "undo") this.undone.push(this.done.pop() ?? step);
    else if (op.kind === "redo") this.done.push(this.undone.pop() ?? step);
    else {
      this.done = [...this.done, step].slice(-MOST);
      this.undone = [];
    }
  }

  /** Forget gestures that never came to be. @param {string[]} ids */
  drop(ids) {
    this.done = this.done.filter(({ id }) => !ids.includes(id));
    this.undone = this.undone.filter(({ id }) => !ids.includes(id));
  }

  get canUndo() {
    return this.done.length > 0 || this.page.history.canUndo;
  }

  get canRedo() {
    return this.undone.length > 0 || this.page.history.canRedo;
  }

  /** @returns {Promise<void>} */
  undo() {
    return this.step(this.done, () => this.page.history.undo());
  }

  /** @returns {Promise<void>} */
  redo() {
    return this.step(this.undone, () => this.page.history.redo());
  }

  /**
   * Go to where the last of some steps was, then act there.
   *
   * @param {Step[]} steps
   * @param {() => Promise<Operation | null>} act
   */
  async step(steps, act) {
    // A key that is held down comes again before the image is there.
    if (this.busy) return;
    this.busy = true;
    try {
      const last = steps.at(-1);
      if (last && !(await this.reach(last))) return;
      const made = await act();
      // It cannot be taken back any more: the one before it is next.
      if (!made && last) this.drop([last.id]);
    } finally {
      this.busy = false;
    }
  }

  /** @param {string} id of a gesture. @returns {Step} */
  here(id) {
    const { sample, layer, item, review } = this.page.store.state;
    const region = item && review !== null ? { review, item: item.id } : null;
    return { id, sample: sample?.id ?? 0, layer, route: region ?? { sample: sample?.id ?? 0, layer } };
  }

  /**
   * Open what a step was made on.
   *
   * @param {Step} step
   * @returns {Promise<boolean>} whether it is open.
   */
  async reach(step) {
    const { store, goTo } = this.page;
    const there = () => {
      const { phase, sample, layer, item } = store.state;
      const region = step.route.item === undefined || item?.id === step.route.item;
      return phase === "ready" && sample?.id === step.sample && layer === step.layer && region;
    };
    if (there()) return true;
    goTo(step.route);
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        stop();
        resolve(there());
      };
      const timer = setTimeout(end, PATIENCE);
      const stop = store.watch(["phase", "sample", "layer", "item"], () => {
        if (there()) queueMicrotask(end);
      });
    });
  }
}
