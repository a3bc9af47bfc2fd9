/**
 * What a gesture under way would change, so that it is seen before it is made: other bits for some
 * tiles of some objects. It is thrown away when the gesture ends; the change itself is built by
 * core/gestures.js from the same pixels.
 */

import { runsToBits, WORDS } from "../core/codec.js";

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
    /** @type {Map<string, Mask>} uid to the tiles that differ. */
    this.masks = new Map();
  }

  /**
   * @param {string} uid
   * @param {string} key
   * @returns {Uint32Array | Uint8Array | undefined} bits, or runs where nothing differs.
   */
  tile(uid, key) {
    return this.masks.get(uid)?.get(key) ?? this.document.objects.get(uid)?.tiles.get(key);
  }

  /**
   * Show an object with a mask added to it or taken from it, in some tiles. The mask of one draft
   * only grows, so what was shown before stays as it is.
   *
   * @param {string} uid
   * @param {Mask} mask
   * @param {"add" | "remove"} way
   * @param {Iterable<string>} [keys] of the tiles where the mask changed.
   * @returns {string[]} keys of the tiles that look different now.
   */
  paint(uid, mask, way, keys = mask.keys()) {
    const changed = [];
    for (const key of keys) {
      const bits = mask.get(key);
      if (!bits || (way === "remove" && !this.tile(uid, key))) continue;
      const out = this.bits(uid, key);
      let differs = 0;
      for (let w = 0; w < WORDS; w++) {
        const own = out[w] ?? 0;
        const next = way === "add" ? own | (bits[w] ?? 0) : own & ~(bits[w] ?? 0);
        differs |= own ^ next;
        out[w] = next;
      }
      if (differs !== 0) changed.push(key);
    }
    return changed;
  }

  /**
   * Show an object with all its pixels replaced.
   *
   * @param {string} uid
   * @param {Mask} mask
   */
  replace(uid, mask) {
    const shown = new Map(mask);
    for (const key of this.document.objects.get(uid)?.tiles.keys() ?? []) {
      if (!mask.has(key)) shown.set(key, new Uint32Array(WORDS));
    }
    this.masks.set(uid, shown);
  }

  /**
   * Show others without the pixels of a mask.
   *
   * @param {Mask} mask
   * @param {(uid: string) => boolean} loses
   * @param {Iterable<string>} [keys]
   * @returns {string[]} keys of the tiles that look different now.
   */
  carve(mask, loses, keys = mask.keys()) {
    const changed = [];
    for (const key of keys) {
      for (const uid of this.document.index.get(key) ?? []) {
        if (loses(uid)) changed.push(...this.paint(uid, mask, "remove", [key]));
      }
    }
    return changed;
  }

  /** The bits to draw into. @param {string} uid @param {string} key @returns {Uint32Array} */
  bits(uid, key) {
    let own = this.masks.get(uid);
    if (!own) this.masks.set(uid, (own = new Map()));
    let bits = own.get(key);
    if (!bits) {
      const runs = this.document.objects.get(uid)?.tiles.get(key);
      own.set(key, (bits = runs ? runsToBits(runs) : new Uint32Array(WORDS)));
    }
    return bits;
  }
}
