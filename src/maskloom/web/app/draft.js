/**
 * What a gesture under way would change, so that it is seen before it is made: other runs for some
 * tiles of some objects. It is thrown away when the gesture ends; the change itself is built by
 * core/gestures.js from the same pixels.
 */

import { bitsToRuns, runsToBits, WORDS } from "../core/codec.js";

/** @typedef {import("../core/document.js").Document} Document */
/** @typedef {import("../core/bits.js").Mask} Mask */

/** @typedef {{uid: string, category: string | null}} Fresh an object that does not exist yet. */

export class Draft {
  /**
   * @param {Document} document
   * @param {Fresh | null} [fresh] the object that the gesture makes, if it makes one.
   */
  constructor(document, fresh = null) {
    this.document = document;
    this.fresh = fresh;
    /** @type {Map<string, Map<string, Uint8Array>>} uid to tile key to runs. */
    this.runs = new Map();
  }

  /** @param {string} uid @param {string} key @returns {Uint8Array | undefined} as shown now. */
  tile(uid, key) {
    return this.runs.get(uid)?.get(key) ?? this.document.objects.get(uid)?.tiles.get(key);
  }

  /**
   * Show an object with a mask added to it or taken from it, in some tiles.
   *
   * @param {string} uid
   * @param {Mask} mask
   * @param {"add" | "remove"} way
   * @param {Iterable<string>} [keys] of the tiles where the mask changed.
   */
  paint(uid, mask, way, keys = mask.keys()) {
    for (const key of keys) {
      const bits = mask.get(key);
      const old = this.document.objects.get(uid)?.tiles.get(key);
      if (!bits || (way === "remove" && !old)) continue;
      const out = old ? runsToBits(old) : new Uint32Array(WORDS);
      for (let w = 0; w < WORDS; w++) {
        const own = out[w] ?? 0;
        const other = bits[w] ?? 0;
        out[w] = way === "add" ? own | other : own & ~other;
      }
      this.put(uid, key, bitsToRuns(out));
    }
  }

  /**
   * Show an object with all its pixels replaced.
   *
   * @param {string} uid
   * @param {Mask} mask
   */
  replace(uid, mask) {
    const old = this.document.objects.get(uid)?.tiles;
    for (const key of old?.keys() ?? []) this.put(uid, key, new Uint8Array(0));
    for (const [key, bits] of mask) this.put(uid, key, bitsToRuns(bits));
  }

  /**
   * Show others without the pixels of a mask.
   *
   * @param {Mask} mask
   * @param {(uid: string) => boolean} loses
   * @param {Iterable<string>} [keys]
   */
  carve(mask, loses, keys = mask.keys()) {
    for (const key of keys) {
      for (const uid of this.document.index.get(key) ?? []) {
        if (loses(uid)) this.paint(uid, mask, "remove", [key]);
      }
    }
  }

  /** @param {string} uid @param {string} key @param {Uint8Array} runs */
  put(uid, key, runs) {
    const own = this.runs.get(uid);
    if (own) own.set(key, runs);
    else this.runs.set(uid, new Map([[key, runs]]));
  }
}
