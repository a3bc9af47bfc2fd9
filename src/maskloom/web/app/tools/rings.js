/**
 * What a closed ring does: a new object, a part added to the selected one, or a hole cut into it;
 * in a map it paints the class. A polygon stays one as long as its rings say the same pixels;
 * else the pixels count and the corners are given up.
 */

import { count, difference, fromTiles, union, xor } from "../../core/bits.js";
import { fillPolygon } from "../../core/fill.js";
import { carve, createObject, paint, replacePixels } from "../../core/gestures.js";
import { newUid } from "../../core/operations.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../../core/document.js").Document} Document */
/** @typedef {import("../../core/fill.js").Geometry} Geometry */
/** @typedef {import("../../core/bits.js").Mask} Mask */
/** @typedef {import("../../core/operations.js").Change} Change */

/**
 * @param {Page} page
 * @param {number[]} ring x, y, x, y, ... in 1/64 px, at least three corners.
 */
export function closeRing(page, ring) {
  const { store, opened } = page;
  const document = opened.document;
  if (!document) return;
  const mask = fillPolygon({ rule: "grid", rings: [ring] }, document.size);
  if (count(mask) === 0) return page.tell("The polygon holds no pixel of the image.");
  const { selected, mode } = store.state;
  if (document.form === "map") return closeOnMap(page, document, mask);
  if (mode !== "new" && selected && document.objects.has(selected)) {
    const changes = joined(document, selected, ring, mask, mode);
    const gives = store.state.exclusive && mode === "add";
    const others = gives ? carve(document, mask, (uid) => uid !== selected) : [];
    opened.change("polygon", [changes, ...others]);
  } else if (mode !== "new") page.tell("Select the object first, or choose New object.");
  else closeAsNew(page, document, ring, mask);
}

/** @param {Page} page @param {Document} document @param {number[]} ring @param {Mask} mask */
function closeAsNew({ store, opened, tell }, document, ring, mask) {
  const { category, exclusive } = store.state;
  if (!category) return tell("Choose a class first, on the right.");
  const uid = newUid();
  /** @type {Geometry} */
  const geometry = { rule: "grid", rings: [ring] };
  const made = createObject(uid, mask, category, { z: document.frontZ(), geometry });
  opened.change("polygon", [made, ...(exclusive ? carve(document, mask, () => true) : [])]);
  store.set({ selected: uid });
}

/** @param {Page} page @param {Document} document @param {Mask} mask */
function closeOnMap({ store, opened, tell }, document, mask) {
  const { category, mode } = store.state;
  if (mode === "cut")
    opened.change(
      "polygon",
      carve(document, mask, () => true),
    );
  else if (category && document.objects.has(category)) {
    const own = paint(document, category, mask, "add");
    opened.change("polygon", [own, ...carve(document, mask, (uid) => uid !== category)]);
  } else tell("Choose a class first, on the right.");
}

/**
 * An object with a ring added to its pixels or cut from them.
 *
 * @param {Document} document @param {string} uid @param {number[]} ring @param {Mask} mask
 * @param {"add" | "cut"} mode
 * @returns {Change | null}
 */
function joined(document, uid, ring, mask, mode) {
  const item = document.held(uid);
  const own = fromTiles(item.tiles);
  const wanted = mode === "add" ? union(own, mask) : difference(own, mask);
  if (item.geometry) {
    /** @type {Geometry} */
    const geometry = { rule: "grid", rings: [...item.geometry.rings, ring] };
    const filled = fillPolygon(geometry, document.size);
    if (xor(filled, wanted).size === 0) return replacePixels(document, uid, wanted, geometry);
  }
  return paint(document, uid, mask, mode === "add" ? "add" : "remove");
}
