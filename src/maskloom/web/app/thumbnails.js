/**
 * The small pictures of the list, a few at a time and none while an image is being opened: of
 * large images each takes as long to make as the image itself, and a browser has only six
 * connections to a server.
 */

import { element } from "./dom.js";

const AT_ONCE = 2;

/** @typedef {{place: HTMLElement, address: string}} Wanted */

export class Thumbnails {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    /** @type {Wanted[]} */
    this.wanted = [];
    /** @type {Set<string>} addresses that the browser has already, which are never held up. */
    this.known = new Set();
    this.loading = 0;
    this.held = false;
    store.watch(["picture", "fault", "phase", "going"], (state) => {
      this.held = isOpening(state);
      this.next();
    });
  }

  /** @param {string} address @returns {HTMLElement} a picture, or the place for one. */
  make(address) {
    if (this.known.has(address)) return this.picture(address);
    const place = empty();
    this.wanted.push({ place, address });
    // By then it is in the page, if it is to be seen at all.
    queueMicrotask(() => this.next());
    return place;
  }

  /** @param {string} address @returns {HTMLImageElement} */
  picture(address) {
    const image = element("img", { class: "thumb", alt: "", decoding: "async", src: address });
    image.addEventListener("load", () => this.known.add(address));
    image.addEventListener("error", () => image.replaceWith(empty()));
    return image;
  }

  next() {
    while (!this.held && this.loading < AT_ONCE) {
      const one = this.wanted.shift();
      if (!one) return;
      if (one.place.isConnected) this.load(one);
    }
  }

  /** @param {Wanted} wanted */
  load({ place, address }) {
    const over = () => {
      this.loading--;
      this.next();
    };
    this.loading++;
    const image = this.picture(address);
    image.addEventListener("load", over);
    image.addEventListener("error", over);
    place.replaceWith(image);
  }
}

/** @returns {HTMLElement} */
function empty() {
  return element("span", { class: "thumb" });
}

/** @param {Readonly<import("./store.js").State>} state */
function isOpening({ picture, fault, phase, going }) {
  if (going !== null || phase === "loading") return true;
  return !fault && (picture === "opening" || picture === "overview");
}
