/**
 * The parts of the page by name, handed to panels, tools and actions so that none needs to know
 * how another is made. It is filled by main.js and holds no logic.
 */

/** @typedef {import("./view.js").Point} Point */

/**
 * A tool answers to the pointer; points are px of the image, not rounded.
 *
 * @typedef {object} Tool
 * @property {string} name
 * @property {string} label
 * @property {string} cursor
 * @property {boolean} edits whether it needs a layer that can be changed.
 * @property {() => string} hint one line that tells what to do next.
 * @property {(at: Point, event: PointerEvent) => void} down
 * @property {(points: Point[], event: PointerEvent) => void} move the pointer is down.
 * @property {(at: Point, event: PointerEvent) => void} up
 * @property {(at: Point | null, event?: PointerEvent) => void} [hover] the pointer is up; null: away.
 * @property {() => void} cancel give up what was begun.
 * @property {() => void} [retract] give up only what the press under way began.
 * @property {(key: string) => boolean} [key] whether the tool used the key.
 * @property {(context: CanvasRenderingContext2D) => void} [draw] what is begun, in CSS px.
 * @property {() => number} [ring] diameter of the cursor ring, px of the image.
 */

/**
 * @typedef {object} Page
 * @property {import("./store.js").Store} store
 * @property {import("./view.js").View} view
 * @property {import("./compositor.js").Compositor} compositor
 * @property {import("./showing.js").Showing} showing
 * @property {import("./draftview.js").DraftView} draft
 * @property {import("./outbox.js").Outbox} outbox
 * @property {import("./sender.js").Sender} sender
 * @property {import("./opened.js").Opened} opened
 * @property {import("./history.js").History} history
 * @property {import("./trail.js").Trail} trail
 * @property {import("./layers.js").Layers} layers
 * @property {import("./conflicts.js").Conflicts} conflicts
 * @property {Record<string, Tool>} tools
 * @property {Tool} tool the one in hand.
 * @property {(route: import("./route.js").Route) => void} goTo
 * @property {(by: number) => Promise<boolean>} step to another image.
 * @property {(by: number) => Promise<boolean>} stepItem to another region of the review.
 * @property {(by: number) => void} stepObject
 * @property {(name: string) => void} take another tool.
 * @property {(gently?: boolean) => void} reveal the region or object.
 * @property {() => {sample: number, layer: string}} here
 * @property {() => void} closeItem leave the review, stay at the image.
 * @property {() => void} settle what keeps things from being saved: a conflict, no session.
 * @property {() => void} toggleMasks
 * @property {(name: "browse" | "inspect") => void} togglePanel
 * @property {() => void} find
 * @property {() => void} help
 * @property {() => Promise<void>} refreshProject
 * @property {(call: () => void) => void} watchSaving
 * @property {(title: string, text: string) => void} fail
 * @property {(text: string) => void} tell a short note that goes away by itself.
 * @property {() => void} rehint the tool has another hint.
 */

export {};
