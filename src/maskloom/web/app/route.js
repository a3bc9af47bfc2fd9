/**
 * Addresses of the page: `#/s/SAMPLE?layer=main&over=LAYER` and `#/review/REVIEW/ITEM`.
 * They can be sent to a colleague and are what Back and Forward step through. `in=PROJECT` names
 * the project that an address was printed for.
 */

/**
 * @typedef {object} Route
 * @property {number} [sample]
 * @property {string} [layer] that is edited; main if left out.
 * @property {string} [over] layer drawn over it.
 * @property {number} [review]
 * @property {string} [item]
 * @property {string} [in] how the id of its project begins.
 */

/** @param {string} hash @returns {Route} */
export function parseRoute(hash) {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?");
  const parts = path.split("/").map(decode);
  const given = new URLSearchParams(query);
  /** @type {Route} */
  const route = {};
  for (const name of /** @type {const} */ (["layer", "over", "in"])) {
    const value = given.get(name);
    if (value) route[name] = value;
  }
  if (parts[0] === "s" && /^\d{1,15}$/.test(parts[1] ?? "")) route.sample = Number(parts[1]);
  if (parts[0] === "review" && /^\d{1,15}$/.test(parts[1] ?? "")) {
    route.review = Number(parts[1]);
    if (parts[2]) route.item = parts[2];
  }
  return route;
}

/** Whether there is anything to open at an address. @param {Route} route */
export function isNamed({ sample, review }) {
  return sample !== undefined || review !== undefined;
}

/** @param {Route} route @returns {string} */
export function formatRoute(route) {
  const given = new URLSearchParams();
  if (route.layer && route.layer !== "main") given.set("layer", route.layer);
  if (route.over) given.set("over", route.over);
  if (route.in) given.set("in", route.in);
  const query = given.size ? `?${given}` : "";
  if (route.review) {
    const item = route.item ? `/${encodeURIComponent(route.item)}` : "";
    return `#/review/${route.review}${item}${query}`;
  }
  return route.sample === undefined ? `#/${query}` : `#/s/${route.sample}${query}`;
}

/** @param {string} part @returns {string} */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
