/**
 * The picture itself: 512 px tiles of the level that fits the zoom, fetched when they come into
 * view, with the overview and coarser tiles drawn until they arrive. Masks are drawn by
 * masktiles.js, and what is said while nothing is there by showing.js.
 */

import { loadPicture, tileAddress } from "./api.js";

const SIDE = 512;
const KEPT = 96;
/** Kept beside what is in view, where that alone is many: to zoom out and to go a little aside. */
const BESIDE = 16;
const AT_ONCE = 6;

/** @typedef {import("./view.js").View} View */
/** @typedef {{level: number, x: number, y: number, key: string}} Place */
/** @typedef {{id: number, width: number, height: number, version: string}} Image */

export class ImageTiles {
  /**
   * @param {(box: import("./view.js").Box) => void} arrived called with the image px of a new tile.
   * @param {(error: Error) => void} failed called when a tile could not be had.
   */
  constructor(arrived, failed) {
    this.arrived = arrived;
    this.failed = failed;
    /** @type {Map<string, ImageBitmap>} oldest use first. */
    this.bitmaps = new Map();
    /** @type {Map<string, AbortController>} */
    this.loading = new Map();
    /** @type {Place[]} most wanted first. */
    this.wanted = [];
    /** @type {Set<string>} keys of the tiles that the view needs, which are never given up. */
    this.inView = new Set();
    /** @type {Set<string>} tiles that failed; see `retry`. */
    this.missing = new Set();
    /** @type {Image | null} */
    this.image = null;
    /** @type {ImageBitmap | null} all of the image, as sharp as some level of its tiles. */
    this.overview = null;
    /** Whether a tile of the image was drawn, and who is told when the first one is. */
    this.drawn = false;
    /** @type {() => void} */
    this.begun = () => {};
  }

  /** @param {Image | null} image @param {ImageBitmap | null} [overview] kept, and closed in the end. */
  open(image, overview = null) {
    for (const request of this.loading.values()) request.abort();
    for (const bitmap of this.bitmaps.values()) bitmap.close();
    this.loading.clear();
    this.bitmaps.clear();
    this.missing.clear();
    this.wanted = [];
    this.image = image;
    this.overview?.close();
    this.overview = overview;
    this.drawn = false;
  }

  /** Levels of the open image; the coarsest is one tile. */
  levels() {
    if (!this.image) return 1;
    const tiles = Math.ceil(Math.max(this.image.width, this.image.height) / SIDE);
    return Math.ceil(Math.log2(tiles)) + 1;
  }

  /**
   * Draw what is there and ask for what is not.
   *
   * @param {CanvasRenderingContext2D} context in device px.
   * @param {View} view
   * @param {number} ratio device px per CSS px.
   */
  draw(context, view, ratio) {
    if (!this.image) return;
    const dense = view.scale * ratio;
    const level = Math.min(this.levels() - 1, Math.max(0, Math.floor(-Math.log2(dense) + 0.25)));
    context.imageSmoothingEnabled = dense < 2;
    context.imageSmoothingQuality = "low";
    const places = this.placesIn(view.visible(), level);
    const coarsest = this.levels() - 1;
    const absent = places.filter((place) => !this.bitmaps.has(place.key));
    if (absent.length) {
      this.drawOverview(context, view, dense);
      for (let coarse = coarsest; coarse > level; coarse--) {
        if (this.isSoft(coarse)) continue;
        this.drawLevel(context, view, ratio, this.placesIn(view.visible(), coarse));
      }
    }
    this.drawLevel(context, view, ratio, places);
    const base = this.overview ? [] : this.placesIn(view.visible(), coarsest);
    this.inView = new Set([...base, ...places].map(({ key }) => key));
    this.want([...base, ...absent], view);
  }

  /** Whether the overview is as sharp as the tiles of a level. @param {number} level */
  isSoft(level) {
    const { image, overview } = this;
    return image !== null && overview !== null && image.width / 2 ** level <= overview.width;
  }

  /** @param {CanvasRenderingContext2D} context @param {View} view @param {number} dense */
  drawOverview(context, view, dense) {
    const { image, overview } = this;
    if (!image || !overview) return;
    const left = Math.round(-view.x * dense);
    const top = Math.round(-view.y * dense);
    const right = Math.round((image.width - view.x) * dense);
    const bottom = Math.round((image.height - view.y) * dense);
    context.drawImage(overview, left, top, right - left, bottom - top);
  }

  /** @param {import("./view.js").Box} box @param {number} level @returns {Place[]} */
  placesIn(box, level) {
    const side = SIDE << level;
    const places = [];
    for (let y = Math.floor(box.y0 / side); y * side < box.y1; y++) {
      for (let x = Math.floor(box.x0 / side); x * side < box.x1; x++) {
        places.push({ level, x, y, key: `${level}/${x}/${y}` });
      }
    }
    return places;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {View} view
   * @param {number} ratio
   * @param {Place[]} places
   */
  drawLevel(context, view, ratio, places) {
    const dense = view.scale * ratio;
    for (const { level, x, y, key } of places) {
      const bitmap = this.bitmaps.get(key);
      if (!bitmap) continue;
      this.bitmaps.delete(key);
      this.bitmaps.set(key, bitmap);
      const left = Math.round((x * (SIDE << level) - view.x) * dense);
      const top = Math.round((y * (SIDE << level) - view.y) * dense);
      const right = Math.round((x * (SIDE << level) + (bitmap.width << level) - view.x) * dense);
      const bottom = Math.round((y * (SIDE << level) + (bitmap.height << level) - view.y) * dense);
      context.drawImage(bitmap, left, top, right - left, bottom - top);
      if (!this.drawn) {
        this.drawn = true;
        this.begun();
      }
    }
  }

  /** @param {Place[]} places @param {View} view */
  want(places, view) {
    const unique = new Map(places.map((place) => [place.key, place]));
    for (const [key, request] of this.loading) if (!unique.has(key)) request.abort();
    const middle = view.screenToImage({ x: view.width / 2, y: view.height / 2 });
    /** @param {Place} place */
    const distance = ({ level, x, y }) => {
      const side = SIDE << level;
      return Math.hypot((x + 0.5) * side - middle.x, (y + 0.5) * side - middle.y) - level * 1e6;
    };
    this.wanted = [...unique.values()]
      .filter(({ key }) => this.lacks(key))
      .sort((a, b) => distance(a) - distance(b));
    this.fetchNext();
  }

  fetchNext() {
    while (this.loading.size < AT_ONCE) {
      const next = this.wanted.shift();
      if (!next) return;
      if (this.lacks(next.key)) void this.fetch(next);
    }
  }

  /** Whether a tile is not here nor on its way. @param {string} key */
  lacks(key) {
    return !this.bitmaps.has(key) && !this.missing.has(key) && !this.loading.has(key);
  }

  /** @param {Place} place */
  async fetch({ level, x, y, key }) {
    const image = this.image;
    if (!image) return;
    const request = new AbortController();
    this.loading.set(key, request);
    try {
      const address = tileAddress(image.id, level, x, y, image.version);
      const { bitmap } = await loadPicture(address, request.signal);
      if (this.image === image) this.keep(key, bitmap);
      const side = SIDE << level;
      this.arrived({ x0: x * side, y0: y * side, x1: (x + 1) * side, y1: (y + 1) * side });
    } catch (error) {
      if (!request.signal.aborted && this.image === image) {
        this.missing.add(key);
        this.failed(/** @type {Error} */ (error));
      }
    } finally {
      if (this.loading.get(key) === request) this.loading.delete(key);
      this.fetchNext();
    }
  }

  /** @param {string} key @param {ImageBitmap} bitmap */
  keep(key, bitmap) {
    this.bitmaps.set(key, bitmap);
    const most = Math.max(KEPT, this.inView.size + BESIDE);
    for (const [oldest, old] of this.bitmaps) {
      if (this.bitmaps.size <= most) break;
      if (this.inView.has(oldest)) continue;
      old.close();
      this.bitmaps.delete(oldest);
    }
  }

  /** Ask again for tiles that failed, after the server is back. */
  retry() {
    if (this.missing.size === 0) return;
    this.missing.clear();
    this.arrived({ x0: 0, y0: 0, x1: Infinity, y1: Infinity });
  }
}
