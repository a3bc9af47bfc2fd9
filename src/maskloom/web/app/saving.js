/**
 * Connects what saves: the outbox, the sender, the open document, its history and conflicts tell
 * each other what happened, and everyone who shows it.
 */

import { api, Problem } from "./api.js";
import { renewSession } from "./session.js";

/** ms between looks for what tabs that are gone have left, and for news of the project. */
const ADOPT = 10_000;
const REFRESH = 20_000;
/** ms after a gesture that changes counts. */
const SOON = 400;
const COUNTED = ["state", "verdict", "accept", "undo", "redo"];

/**
 * @typedef {object} Parts
 * @property {import("./store.js").Store} store
 * @property {import("./outbox.js").Outbox} outbox
 * @property {import("./sender.js").Sender} sender
 * @property {import("./opened.js").Opened} opened
 * @property {import("./history.js").History} history
 * @property {import("./trail.js").Trail} trail
 * @property {import("./conflicts.js").Conflicts} conflicts
 * @property {(text: string) => void} tell
 */

export class Saving {
  /** @param {Parts} parts */
  constructor(parts) {
    this.parts = parts;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    this.asking = false;
    /** Whether the server did not answer when it was asked last. */
    this.away = false;
    this.connect();
    window.addEventListener("online", () => this.back());
    window.addEventListener("focus", () => this.back());
    document.addEventListener("visibilitychange", () => this.back());
    window.addEventListener("beforeunload", (event) => {
      if (!parts.outbox.lasting && parts.outbox.entries.length) event.preventDefault();
    });
    setInterval(() => void this.adopt(), ADOPT);
    setInterval(() => void this.refresh(), REFRESH);
  }

  /** Call at every change of what is saved. @param {() => void} call */
  watch(call) {
    this.listeners.add(call);
    call();
  }

  tell() {
    for (const call of this.listeners) call();
    const { conflicts, sender } = this.parts;
    void conflicts.show();
    if (sender.trouble?.status === 401) this.noteSignedOut();
  }

  connect() {
    const { store, outbox, sender, opened, history, trail, conflicts } = this.parts;
    const mark = () => store.set({ edited: store.state.edited + 1 });
    outbox.changed = () => this.tell();
    sender.changed = () => {
      if (sender.trouble) this.away = true;
      this.tell();
    };
    sender.committed = (entry, revision) => {
      if (this.away) this.noteReturn();
      opened.confirm(entry, revision);
      if (COUNTED.includes(entry.op.kind)) setTimeout(() => void this.refresh(), SOON);
    };
    sender.collided = (entries) => {
      opened.takeBack(entries);
      const ids = entries.map(({ op }) => op.id);
      history.drop(ids);
      trail.drop(ids);
      void opened.reload().then(() => entries.forEach(({ op }) => this.describe(op)));
    };
    opened.made = (op) => {
      trail.note(op);
      history.note(op, store.state.session?.author ?? "", true);
      this.describe(op);
    };
    opened.seen = (done, mine) => {
      if (mine) return;
      history.note(done.op, done.author, false);
      this.describe(done.op);
    };
    opened.failed = (error) => {
      this.away = true;
      if (error instanceof Problem && error.status === 401) this.noteSignedOut();
    };
    // The card tells whether both versions can be chosen yet.
    conflicts.changed = () => this.listeners.forEach((call) => call());
    history.changed = mark;
    store.watch(["edited", "phase"], () => void conflicts.show());
  }

  /**
   * The row of the open image and the region in review follow the document.
   *
   * @param {import("../core/operations.js").Operation} op that is in the document now, or out of it.
   */
  describe(op) {
    const { store, opened } = this.parts;
    const { sample, item } = store.state;
    const { document } = opened;
    if (!sample || !document) return;
    const state = document.value("", "state");
    const objects = document.form === "rows" ? document.objects.size : sample.objects;
    if (state !== sample.state || objects !== sample.objects) {
      store.set({ sample: { ...sample, state, objects } });
    }
    const field = `verdict/${item?.id}`;
    const judged = op.changes.some(({ object, set }) => object === "" && set?.[field]);
    if (item && judged) store.set({ item: { ...item, verdict: document.value("", field) } });
  }

  /** Ask for classes, layers and counts. */
  async refresh() {
    const { store } = this.parts;
    if (!store.state.project || document.hidden) return;
    try {
      const [project, { reviews }] = await Promise.all([api.project(), api.reviews()]);
      // The same objects where nothing changed, so that nothing is drawn again.
      const known = store.state.project;
      if (same(project.taxonomy, known?.taxonomy)) project.taxonomy = known?.taxonomy;
      if (!same(project, known)) store.set({ project });
      if (!same(reviews, store.state.reviews)) store.set({ reviews });
      // Another tab may have signed in.
      store.set({ signedOut: false });
      if (this.away) this.noteReturn();
    } catch (error) {
      this.parts.opened.failed(error);
    }
  }

  /** The person or the network is back: do not wait for the next turn. */
  back() {
    if (document.hidden) return;
    this.parts.sender.wake();
    this.parts.opened.poll(0);
    this.noteReturn();
  }

  /** What was not given while the server was away can be asked for again. */
  noteReturn() {
    const { store } = this.parts;
    this.away = false;
    store.set({ returns: store.state.returns + 1 });
  }

  /** Take over what a tab that is gone has left. */
  async adopt() {
    const { outbox, opened, sender } = this.parts;
    if ((await outbox.adopt()) === 0) return;
    await opened.reload();
    sender.wake();
  }

  /** The session is over: work goes on, and waits in the outbox until there is a new one. */
  noteSignedOut() {
    const { store, tell } = this.parts;
    if (store.state.signedOut) return;
    store.set({ signedOut: true });
    tell("You are signed out. Your work is kept; press the state on top to sign in.");
  }

  /** Ask for a link to come in again by. */
  async signInAgain() {
    if (this.asking) return;
    this.asking = true;
    const session = await renewSession();
    this.asking = false;
    if (!session) return;
    this.parts.store.set({ session, signedOut: false });
    this.back();
  }
}

/** @param {unknown} a @param {unknown} b @returns {boolean} */
function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
