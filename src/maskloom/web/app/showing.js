/**
 * Brings the picture of an image to the stage and tells the store how much of it is there: of a
 * large image an overview comes first, then its tiles. What is said meanwhile is
 * panels/opening.js; the drawing is imagetiles.js.
 */

import { api, loadPicture, overviewAddress, Problem } from "./api.js";

/** Images of more px than this are opened by their overview; smaller ones are there at once. */
export const LARGE = 1 << 22;

/** @typedef {import("./types.js").Sample} Sample */

export class Showing {
  /**
   * @param {import("./store.js").Store} store
   * @param {import("./compositor.js").Compositor} compositor
   */
  constructor(store, compositor) {
    this.store = store;
    this.compositor = compositor;
    /** @type {Sample | null} */
    this.sample = null;
    this.request = new AbortController();
    compositor.images.begun = () => store.set({ picture: "shown" });
    compositor.failed = (fault) => {
      const { picture } = store.state;
      store.set({ fault, picture: picture === "opening" ? "failed" : picture });
    };
    store.watch(["returns"], ({ fault }) => {
      // What did not come while the server was away.
      if (fault instanceof Problem && fault.transient) this.retry();
    });
  }

  /** @param {Sample} sample */
  async open(sample) {
    const { store, compositor } = this;
    this.request.abort();
    const request = new AbortController();
    this.request = request;
    this.sample = sample;
    compositor.images.open(null);
    compositor.redraw();
    store.set({ picture: "opening", fault: null });
    try {
      const { version, overview } = await look(sample, request.signal);
      if (request.signal.aborted) return overview?.close();
      compositor.images.open({ ...sample, version }, overview);
      compositor.redraw();
      if (overview) store.set({ picture: "overview" });
    } catch (error) {
      if (request.signal.aborted) return;
      store.set({ picture: "failed", fault: /** @type {Error} */ (error) });
    }
  }

  /** Ask again for what did not come. */
  retry() {
    const { store, sample } = this;
    const { images } = this.compositor;
    if (!sample) return;
    if (!images.image) return void this.open(sample);
    const { picture } = store.state;
    store.set({ fault: null, picture: picture === "failed" ? "opening" : picture });
    images.retry();
  }
}

/**
 * The version of an image, for the addresses of its tiles, and an overview of a large one.
 *
 * @param {Sample} sample
 * @param {AbortSignal} signal
 * @returns {Promise<{version: string, overview: ImageBitmap | null}>}
 */
async function look({ id, width, height }, signal) {
  if (width * height <= LARGE) return { version: (await api.look(id)).version, overview: null };
  const { bitmap, version } = await loadPicture(overviewAddress(id), signal);
  return { version, overview: bitmap };
}
