/**
 * The REST interface of the server, one function a call. Every failure becomes a `Problem` whose
 * text can be shown as it is. Retrying is not done here: see sender.js and navigate.js.
 */

/** @typedef {import("./types.js").Sample} Sample */
/** @typedef {import("../core/operations.js").Operation} Operation */
/** @typedef {{seq: number, revision: number, author: string, created: string, op: Operation,
 *   box: [number, number, number, number] | null}} Committed */
/** @typedef {{revision: number, more: boolean, replaced: boolean, ops: Committed[]}} Portion */
/** @typedef {{total: number, sequence: number, position: import("./pages.js").Position | null}}
 *   Listing */

const ROOT = "/api/v1";
/** ms; a connection that died without a word, as through a tunnel, would be waited for for ever. */
const PATIENCE = 60_000;

export class Problem extends Error {
  /**
   * @param {string} message what to tell the person.
   * @param {number} status HTTP status, 0 when the server was not reached.
   * @param {Record<string, any>} body the problem document.
   */
  constructor(message, status, body = {}) {
    super(message);
    this.status = status;
    this.body = body;
  }

  /** Whether waiting can help: the server is away, overloaded or restarting. */
  get transient() {
    return this.status === 0 || this.status === 429 || this.status >= 502;
  }
}

/**
 * @param {string} path below /api/v1.
 * @param {{method?: string, body?: unknown, signal?: AbortSignal}} [options]
 * @returns {Promise<any>} the JSON answer.
 */
async function call(path, options = {}) {
  const limit = AbortSignal.timeout(PATIENCE);
  /** @type {RequestInit} */
  const request = {
    method: options.method ?? "GET",
    credentials: "same-origin",
    signal: options.signal ? AbortSignal.any([limit, options.signal]) : limit,
  };
  if (options.body !== undefined) {
    request.body = JSON.stringify(options.body);
    request.headers = { "content-type": "application/json" };
  }
  try {
    const response = await fetch(ROOT + path, request);
    if (!response.ok) throw await problem(response);
    return response.status === 204 ? null : await response.json();
  } catch (error) {
    if (error instanceof Problem || options.signal?.aborted) throw error;
    throw new Problem(
      limit.aborted ? "The server does not answer." : "The server cannot be reached.",
      0,
    );
  }
}

/**
 * A picture as a file. A large one may take long to be made, so nothing ends the waiting but the
 * signal.
 *
 * @param {string} address
 * @param {AbortSignal} signal
 * @returns {Promise<{bitmap: ImageBitmap, version: string}>} and the version of the image file.
 */
export async function loadPicture(address, signal) {
  try {
    const answer = await fetch(address, { signal });
    if (!answer.ok) throw await problem(answer);
    const bitmap = await createImageBitmap(await answer.blob(), {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
    return { bitmap, version: (answer.headers.get("etag") ?? "").replaceAll('"', "") };
  } catch (error) {
    if (error instanceof Problem || signal.aborted) throw error;
    throw new Problem("The server cannot be reached.", 0);
  }
}

/** @param {Response} response @returns {Promise<Problem>} */
async function problem(response) {
  /** @type {Record<string, any>} */
  let body = {};
  try {
    body = await response.json();
  } catch {
    body = {};
  }
  const text = body["detail"] || body["title"] || `The server answered ${response.status}.`;
  return new Problem(String(text), response.status, body);
}

/** @param {Record<string, string | number | boolean | null | undefined>} values */
function query(values) {
  const given = Object.entries(values).filter(
    ([, value]) => value !== "" && value !== null && value !== undefined,
  );
  return given.length ? `?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}` : "";
}

export const api = {
  /** @param {string} token @returns {Promise<import("./types.js").Session>} */
  signIn: (token) => call("/session", { method: "POST", body: { token } }),
  /** @returns {Promise<import("./types.js").Session>} */
  session: () => call("/session"),
  /** @returns {Promise<import("./types.js").Project>} */
  project: () => call("/project"),
  /**
   * @param {import("./pages.js").Question & {search?: string, state?: string, layer?: string}} page
   * @param {AbortSignal} [signal]
   * @returns {Promise<{samples: Sample[]} & Listing>}
   */
  samples: (page, signal) => call(`/samples${query(page)}`, signal ? { signal } : {}),
  /** @param {number} id @param {string} layer @returns {Promise<Sample>} */
  sample: (id, layer) => call(`/samples/${id}${query({ layer })}`),
  /** @param {number} id @returns {Promise<import("./types.js").Look>} */
  look: (id) => call(`/samples/${id}/image`),
  /**
   * @param {number} id @param {string} layer
   * @param {{at?: number, revision?: number, signal?: AbortSignal}} [when] sequence number of the
   *   project, or revision of the sample; now if left out.
   * @returns {Promise<any>} the JSON of a document, for core/document.js.
   */
  document: (id, layer, { signal, ...when } = {}) =>
    call(`/samples/${id}/document${query({ layer, ...when })}`, signal ? { signal } : {}),
  /**
   * @param {number} sample @param {string} layer @param {number} after
   * @param {AbortSignal} [signal]
   * @returns {Promise<Portion>} one portion; `allOperations` asks on while there is more.
   */
  operations: (sample, layer, after, signal = undefined) =>
    call(`/ops${query({ sample, layer, after })}`, signal ? { signal } : {}),
  /**
   * @param {number} sample @param {Operation} op
   * @returns {Promise<{seq: number, revision: number, repeated: boolean}>}
   */
  commit: (sample, op) => call("/ops", { method: "POST", body: { sample, op } }),
  /** @returns {Promise<{reviews: import("./types.js").Review[]}>} */
  reviews: () => call("/reviews"),
  /**
   * @param {number} review
   * @param {Partial<import("./pages.js").Question> & {open?: boolean}} page
   * @param {AbortSignal} [signal]
   * @returns {Promise<{items: import("./types.js").ReviewItem[]} & Listing>}
   */
  reviewItems: (review, page, signal) =>
    call(`/reviews/${review}/items${query(page)}`, signal ? { signal } : {}),
  /** @param {string} item @returns {Promise<import("./types.js").ReviewItem>} */
  reviewItem: (item) => call(`/items/${encodeURIComponent(item)}`),
  /** @param {Record<string, unknown>} migration @returns {Promise<unknown>} */
  migrate: (migration) =>
    call("/taxonomy", { method: "POST", body: { migration, dry_run: false } }),
};

/**
 * Everything that happened after a revision.
 *
 * @param {number} sample @param {string} layer @param {number} after
 * @returns {Promise<Portion>}
 */
export async function allOperations(sample, layer, after) {
  const found = await api.operations(sample, layer, after);
  while (found.more) {
    const next = await api.operations(sample, layer, found.revision);
    Object.assign(found, next, { ops: [...found.ops, ...next.ops] });
  }
  return found;
}

/**
 * Address of one image tile.
 *
 * @param {number} sample @param {number} level @param {number} x @param {number} y
 * @param {string} version of the image file, so that the browser may keep the tile.
 * @returns {string}
 */
export function tileAddress(sample, level, x, y, version) {
  return `${ROOT}/samples/${sample}/tiles/${level}/${x}/${y}${query({ v: version })}`;
}

/** @param {number} sample @returns {string} */
export function overviewAddress(sample) {
  return `${ROOT}/samples/${sample}/overview`;
}

/** @param {number} sample @returns {string} */
export function thumbnailAddress(sample) {
  return `${ROOT}/samples/${sample}/thumbnail`;
}
