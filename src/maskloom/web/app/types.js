/**
 * What the server sends, as types only; nothing here runs.
 * The calls that return them are in api.js, operations and documents in ../core.
 */

/** @typedef {{key: string, name: string, kind: string, color: [number, number, number],
 *   void: boolean, retired: boolean}} Category */
/** @typedef {{name: string, form: "rows" | "map", immutable: boolean, samples: number,
 *   objects: number, sequence: number}} Layer */
/** @typedef {{id: string, name: string, sequence: number, version: string,
 *   taxonomy: {categories: Category[]}, layers: Layer[], splits: string[],
 *   readonly: boolean, counts: {todo: number, doing: number, done: number}}} Project */
/** @typedef {{id: number, key: string, height: number, width: number,
 *   state: "todo" | "doing" | "done", objects: number, revision: number,
 *   author?: string | null, updated?: string | null}} Sample */
/** @typedef {{author: string, readonly: boolean, start: string}} Session */
/** @typedef {{id: number, truth: string, predicted: string, created: string, items: number,
 *   open: number}} Review */
/** @typedef {{id: string, review_id: number, rank: number, sample_id: number, kind: string,
 *   category: string | null, other: string | null, x0: number, y0: number, x1: number,
 *   y1: number, area: number, score: number, reason: string, object: string | null,
 *   choices: string[],
 *   verdict: string | null}} ReviewItem */
/** @typedef {{version: string, dtype: string, low: number, high: number, minimum: number,
 *   maximum: number}} Look */

export {};
