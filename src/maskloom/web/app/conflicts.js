/**
 * Gestures that collided with somebody else's: both versions are kept until a person has chosen.
 * Mine is made again from the revision on which it was drawn, theirs is what is open. How they
 * come together is merge.js, what is shown panels/collision.js.
 */

import { box as maskBox, fromTiles, joinBoxes, xor } from "../core/bits.js";
import { Document } from "../core/document.js";
import { allOperations, api, Problem } from "./api.js";
import { mergeChanges } from "./merge.js";
import { outlinePath } from "./outline.js";
import { applied } from "./replay.js";

/** @typedef {import("./outbox.js").Entry} Entry */
/** @typedef {import("./merge.js").Versions} Versions */

/** ms until versions that could not be loaded are asked for again. */
const AGAIN = 2000;
const MINE = "#ffb000";
const THEIRS = "#00b8d9";

export class Conflicts {
  /**
   * @param {import("./outbox.js").Outbox} outbox
   * @param {import("./sender.js").Sender} sender
   * @param {import("./opened.js").Opened} opened
   * @param {import("./draftview.js").DraftView} view
   */
  constructor(outbox, sender, opened, view) {
    this.outbox = outbox;
    this.sender = sender;
    this.opened = opened;
    this.view = view;
    /** @type {{group: string, versions: Versions, mine: Path2D, theirs: Path2D} | null} */
    this.shown = null;
    /** @type {{group: string, document: Document} | null} what is being loaded. */
    this.asked = null;
    /** Group of which what it was drawn on is gone, so that nothing can be made of it again. */
    this.gone = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {() => void} both versions are there, or are not any more. */
    this.changed = () => {};
    /** @type {(box: import("./view.js").Box) => void} both versions are shown, here. */
    this.appeared = () => {};
    view.painters.push((context) => this.draw(context));
  }

  /** Gestures of what is open that wait for a decision together. @returns {Entry[]} */
  current() {
    const { sample, layer } = this.opened;
    const stuck = this.outbox.of(sample, layer).filter((one) => one.state !== "waiting");
    const [first] = stuck;
    return stuck.filter((one) => one.state === first?.state && one.group === first.group);
  }

  /** How many decisions wait, here and elsewhere. */
  get count() {
    const stuck = this.outbox.entries.filter((one) => one.state !== "waiting");
    return new Set(stuck.map((one) => one.group || one.op.id)).size;
  }

  /** An image that has one, for who is elsewhere. @returns {Entry | undefined} */
  elsewhere() {
    return this.outbox.entries.find((one) => one.state !== "waiting");
  }

  /** Both versions of the current conflict, shown on the canvas. */
  async show() {
    const group = this.current();
    const id = group[0]?.group ?? "";
    const { document } = this.opened;
    if (!group[0] || group[0].state !== "conflict" || !document) return this.hide();
    if (this.shown?.group === id && this.shown.versions.theirs === document) return;
    if (this.asked?.group === id && this.asked.document === document) return;
    if (this.gone === id) return;
    const asked = { group: id, document };
    this.asked = asked;
    /** @type {unknown} */
    let fault = null;
    const versions = await this.versionsOf(group, document).catch((error) => {
      fault = error;
      return null;
    });
    if (this.asked !== asked) return;
    this.asked = null;
    this.shown = versions && this.outlined(id, versions);
    clearTimeout(this.timer);
    if (fault instanceof Problem && (fault.transient || fault.status === 401)) {
      this.timer = setTimeout(() => void this.show(), AGAIN);
    } else if (fault) this.gone = id;
    this.view.redraw();
    this.changed();
    const box = versions && differingBox(versions);
    if (box) this.appeared(box);
  }

  /** @param {string} group @param {Versions} versions */
  outlined(group, versions) {
    const { mine, theirs } = versions;
    const uids = touchedObjects(versions);
    /** @param {Document} one */
    const outline = (one) => outlinePath(uids.map((uid) => one.objects.get(uid)));
    return { group, versions, mine: outline(mine), theirs: outline(theirs) };
  }

  hide() {
    this.asked = null;
    if (!this.shown) return;
    this.shown = null;
    this.view.redraw();
    this.changed();
  }

  /**
   * Mine is drawn again on what it was drawn on: the state that its last gesture saw, what of this
   * tab's came after that, and what else still waits.
   *
   * @param {Entry[]} group
   * @param {Document} theirs
   * @returns {Promise<Versions>}
   */
  async versionsOf(group, theirs) {
    const drawn = group.map(({ drawn: moved, op, own }) => moved ?? { base: op.base, own });
    const seen = Math.max(...drawn.map(({ base: at }) => at));
    const { sample, layer } = this.opened;
    const [data, { ops }] = await Promise.all([
      api.document(sample, layer, { revision: seen }),
      allOperations(sample, layer, seen),
    ]);
    const base = new Document(data);
    const mine = new Document(data);
    const own = new Set(drawn.flatMap((one) => one.own));
    for (const { op } of ops) {
      if (!own.has(op.id)) continue;
      base.apply(op);
      mine.apply(op);
    }
    const last = Math.max(...group.map(({ order }) => order));
    const told = new Set(ops.map(({ op }) => op.id));
    for (const one of this.outbox.of(sample, layer)) {
      if (group.includes(one)) mine.apply(one.op);
      else if (one.state === "waiting" && one.order < last && !told.has(one.op.id)) {
        if (applied(base, one.op)) applied(mine, one.op);
      }
    }
    return { base, mine, theirs, ops: group.map(({ op }) => op) };
  }

  /**
   * Settle the current conflict.
   *
   * @param {"mine" | "theirs" | "both" | "again"} choice "again" sends a refused gesture again.
   */
  async settle(choice) {
    const group = this.current();
    if (choice === "again") {
      const anew = { state: "waiting", sent: false, group: "", reason: "" };
      for (const entry of group) Object.assign(entry, anew);
      await this.outbox.update(group);
      await this.opened.reload();
    } else {
      if (choice !== "theirs") {
        const { document } = this.opened;
        if (this.shown?.group !== group[0]?.group || !this.shown || !document) return;
        const versions = { ...this.shown.versions, theirs: document };
        this.opened.change("merge", mergeChanges(versions, choice));
      }
      await this.outbox.update([], group);
    }
    this.hide();
    this.sender.wake();
    this.sender.changed();
  }

  /** @param {CanvasRenderingContext2D} context */
  draw(context) {
    if (!this.shown || this.current().length === 0) return;
    const { x, y, scale } = this.view.view;
    context.transform(scale, 0, 0, scale, -x * scale, -y * scale);
    const dash = [6 / scale, 4 / scale];
    for (const [path, color, pattern] of /** @type {const} */ ([
      [this.shown.theirs, THEIRS, []],
      [this.shown.mine, MINE, dash],
    ])) {
      context.setLineDash([]);
      context.strokeStyle = "rgb(0 0 0 / 70%)";
      context.lineWidth = 4 / scale;
      context.stroke(path);
      context.setLineDash(pattern);
      context.strokeStyle = color;
      context.lineWidth = 2 / scale;
      context.stroke(path);
    }
  }
}

/** @param {Versions} versions @returns {string[]} */
function touchedObjects({ ops }) {
  const uids = ops.flatMap((op) => op.changes.map(({ object }) => object));
  return [...new Set(uids)].filter((uid) => uid !== "");
}

/**
 * Where two versions differ.
 *
 * @param {Versions} versions
 * @returns {import("../core/bits.js").Box | null} px of the image.
 */
function differingBox(versions) {
  const { mine, theirs } = versions;
  const boxes = touchedObjects(versions).map((uid) => {
    const [one, other] = [mine.objects.get(uid), theirs.objects.get(uid)];
    return maskBox(xor(fromTiles(one?.tiles ?? new Map()), fromTiles(other?.tiles ?? new Map())));
  });
  const found = boxes.filter((box) => box !== null);
  return found.length ? found.reduce(joinBoxes) : null;
}
