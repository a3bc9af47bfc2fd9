/**
 * Put into the page before its own scripts: finds the page's parts, plays seeded gestures and tells
 * by the console what becomes of each operation, as `proof ["made", [...]]`. A gesture is pointer
 * events on the stage, keys on the stage and clicks on buttons, which the page's own listeners take
 * as they take those of a person; only the browser's input queue is left out. No part of the page.
 */

(() => {
  if (location.pathname !== "/" || window.top !== window) return;

  const PARTS = ["navigate", "opened", "outbox", "sender", "conflicts"];
  /** @type {any} the page by its parts, as in app/page.js. */
  let page = null;
  /** @type {any} */
  let codec = null;
  /** @type {Set<Promise<unknown>>} gestures on their way into IndexedDB. */
  const keeping = new Set();

  const note = (/** @type {string} */ what, /** @type {any} */ value) =>
    console.log(`proof ${JSON.stringify([what, value])}`);
  const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

  const found = Promise.all(PARTS.map((name) => import(`/app/${name}.js`))).then(async (modules) => {
    codec = await import("/core/codec.js");
    const [navigate, opened, outbox, sender, conflicts] = modules;
    wrap(navigate.Navigator, "follow", (self, act) => {
      page = self.page;
      return act();
    });
    wrap(opened.Opened, "perform", (_, act) => {
      const op = act();
      note("made", [op.id, op.kind]);
      return op;
    });
    wrap(outbox.Outbox, "add", (self, act) => {
      const kept = act();
      keeping.add(kept);
      void kept.then((/** @type {any} */ entry) => {
        keeping.delete(kept);
        if (self.lasting) note("kept", entry.op.id);
      });
      return kept;
    });
    wrap(sender.Sender, "confirm", (_, act, entry, revision) => {
      const done = act();
      // The entry is out of the box by now: this is when the page says that it is saved.
      note("saved", [entry.op.id, revision]);
      return done;
    });
    wrap(sender.Sender, "collide", (_, act, entry) => {
      note("collided", entry.op.id);
      return act();
    });
    wrap(conflicts.Conflicts, "versionsOf", async (_, act, group) => {
      try {
        return await act();
      } catch (error) {
        note("baseless", [group[0].op.kind, String(error)]);
        throw error;
      }
    });
    wrap(conflicts.Conflicts, "settle", async (self, act, choice) => {
      const ids = self.current().map((/** @type {any} */ one) => one.op.id);
      const seen = document.querySelector(".card.conflict") !== null;
      await act();
      const left = new Set(self.outbox.entries.map((/** @type {any} */ one) => one.op.id));
      note("decided", [choice, seen, ids.filter((/** @type {string} */ id) => !left.has(id))]);
    });
  });

  /** @param {any} type @param {string} name @param {(self: any, act: () => any, ...given: any[]) => any} around */
  function wrap(type, name, around) {
    const act = type.prototype[name];
    type.prototype[name] = function (/** @type {any[]} */ ...given) {
      return around(this, () => act.apply(this, given), ...given);
    };
  }

  /** @param {number} seed @returns {() => number} in [0, 1). */
  function dice(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  const stage = () => /** @type {HTMLElement} */ (document.getElementById("stage"));

  /** @param {string} type @param {{x: number, y: number}} at px of the image. @param {object} [more] */
  function fire(type, at, more = {}) {
    const box = stage().getBoundingClientRect();
    const { x, y } = page.view.imageToScreen(at);
    const place = { clientX: box.left + x, clientY: box.top + y };
    const given = { bubbles: true, cancelable: true, pointerId: 1, pointerType: "mouse", isPrimary: true };
    stage().dispatchEvent(new PointerEvent(type, { ...given, ...place, ...more }));
  }

  /** @param {string} key @param {object} [more] */
  function press(key, more = {}) {
    stage().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  }

  /** @param {string} label of a button that is there now. */
  function click(label) {
    const buttons = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll("button")]);
    buttons.find((one) => (one.getAttribute("aria-label") ?? one.textContent) === label)?.click();
  }

  class Hand {
    /** @param {number} seed @param {boolean} left whether the left half is one's own. */
    constructor(seed, left) {
      this.random = dice(seed);
      this.left = left;
    }

    /** @param {number} n @returns {number} 0 to n - 1. */
    below(n) {
      return Math.floor(this.random() * n);
    }

    /** @template T @param {T[]} values @returns {T} */
    one(values) {
      return /** @type {T} */ (values[this.below(values.length)]);
    }

    /** @returns {{x: number, y: number}} mostly in one's own half, a little outside too. */
    place() {
      const [height, width] = page.opened.size;
      const far = this.random() < 0.8 ? this.random() / 2 : this.random();
      const x = (this.left ? far : 1 - far) * (width + 20) - 10;
      return { x, y: this.random() * (height + 20) - 10 };
    }

    /** @param {{x: number, y: number}} at @param {number} far */
    near(at, far) {
      return { x: at.x + (this.random() - 0.5) * far, y: at.y + (this.random() - 0.5) * far };
    }

    /** A pixel of a random object, of the other half one in four. @param {(item: any) => boolean} [test] */
    pixel(test = () => true) {
      const middle = page.opened.size[1] / 2;
      for (;;) {
        const at = this.anyPixel(test);
        if (!at || at.x < middle === this.left || this.random() < 0.25) return at;
      }
    }

    /** @param {(item: any) => boolean} test */
    anyPixel(test) {
      const items = [...page.opened.document.objects.values()].filter((one) => one.tiles.size && test(one));
      if (items.length === 0) return null;
      const [key, runs] = this.one([...this.one(items).tiles]);
      const [tx, ty] = codec.tilePlace(key);
      const toggles = codec.runsToToggles(runs);
      const place = toggles[2 * this.below(Math.ceil(toggles.length / 2))];
      return { x: tx * 256 + (place >> 8) + 0.5, y: ty * 256 + (place & 255) + 0.5 };
    }

    /** Press, move, let go; at times so slowly that others' changes come in between. */
    async drag(/** @type {{x: number, y: number}[]} */ points) {
      const slow = this.random() < 0.15;
      fire("pointerdown", points[0] ?? { x: 0, y: 0 }, { button: 0, buttons: 1 });
      for (const point of points.slice(1)) {
        if (slow) await pause(this.random() * 120);
        fire("pointermove", point, { button: -1, buttons: 1 });
      }
      fire("pointerup", points.at(-1) ?? { x: 0, y: 0 }, { button: 0 });
    }

    async stroke(/** @type {{x: number, y: number}} */ from) {
      const points = [from];
      for (let n = this.below(6); n >= 0; n--) points.push(this.near(points.at(-1) ?? from, 160));
      await this.drag(points);
    }

    /** Choose the object at a pixel, by the tool for it. */
    select(/** @type {{x: number, y: number} | null} */ at) {
      press("Escape");
      press("v");
      press("n");
      if (!at) return;
      fire("pointerdown", at, { button: 0, buttons: 1 });
      fire("pointerup", at, { button: 0 });
    }

    async polygon(/** @type {string} */ mode) {
      press("p");
      click(mode);
      const middle = this.pixel() && this.random() < 0.6 ? (this.pixel() ?? this.place()) : this.place();
      for (let n = 3 + this.below(6); n > 0; n--) {
        const at = this.near(middle, 260);
        fire("pointerdown", at, { button: 0, buttons: 1 });
        fire("pointerup", at, { button: 0 });
      }
      if (this.random() < 0.1) await pause(this.random() * 200);
      press("Enter");
      press("Escape");
      click("New object");
    }

    async corner() {
      const at = this.pixel((one) => one.geometry !== null);
      this.select(at);
      const shape = page.opened.document.objects.get(page.store.state.selected)?.geometry;
      if (!shape) return;
      press("p");
      const ring = this.one(/** @type {number[][]} */ (shape.rings));
      const i = 2 * this.below(ring.length / 2);
      const from = { x: (ring[i] ?? 0) / 64, y: (ring[i + 1] ?? 0) / 64 };
      await this.drag([from, this.near(from, 90), this.near(from, 120)]);
    }
  }

  /** @type {Record<string, [number, (hand: Hand) => unknown]>} weight and act. */
  const ROWS = {
    begin: [8, (hand) => (hand.select(null), classKey(hand), press("b"), hand.stroke(hand.place()))],
    brush: [18, (hand) => {
      const at = hand.pixel();
      hand.select(at);
      press("b");
      return hand.stroke(at ? hand.near(at, 80) : hand.place());
    }],
    eraser: [14, (hand) => {
      const at = hand.pixel();
      hand.select(hand.random() < 0.5 ? at : null);
      press("e");
      return hand.stroke(at ?? hand.place());
    }],
    polygon: [9, (hand) => (hand.select(null), classKey(hand), hand.polygon("New object"))],
    part: [4, (hand) => (hand.select(hand.pixel()), hand.polygon("Add part"))],
    hole: [4, (hand) => (hand.select(hand.pixel()), hand.polygon("Cut hole"))],
    corner: [5, (hand) => hand.corner()],
    delete: [8, (hand) => (hand.select(hand.pixel()), press("Delete"))],
    category: [9, (hand) => (hand.select(hand.pixel()), classKey(hand))],
  };
  /** @type {typeof ROWS} */
  const MAP = {
    brush: [30, (hand) => (classKey(hand), press("b"), hand.stroke(hand.place()))],
    eraser: [14, (hand) => (press("e"), hand.stroke(hand.place()))],
    polygon: [14, (hand) => (classKey(hand), hand.polygon("New object"))],
    hole: [6, (hand) => hand.polygon("Cut hole")],
  };
  /** @type {typeof ROWS} */
  const BOTH = {
    undo: [12, () => press("z", { ctrlKey: true })],
    redo: [5, () => press("z", { ctrlKey: true, shiftKey: true })],
    done: [3, () => press("d")],
    exclusive: [2, () => press("o")],
    size: [3, (hand) => press(hand.one(["[", "]"]))],
  };

  /** @param {Hand} hand */
  function classKey(hand) {
    const { categories } = page.store.state.project.taxonomy;
    press(String(1 + hand.below(categories.length)));
  }

  /** @param {Hand} hand */
  function choose(hand) {
    const form = page.opened.document.form;
    const table = { ...(form === "map" ? MAP : ROWS), ...BOTH };
    if (form === "rows" && page.opened.document.objects.size > 40) table["delete"] = [60, ROWS["delete"]?.[1] ?? press];
    const total = Object.values(table).reduce((sum, [weight]) => sum + weight, 0);
    let left = hand.random() * total;
    for (const [weight, act] of Object.values(table)) if ((left -= weight) < 0) return act;
    return ROWS["brush"]?.[1];
  }

  /**
   * Play gestures.
   *
   * @param {number} n
   * @param {number} seed
   * @param {number} rest ms at most between two.
   * @param {boolean} left whether mostly in the left half, else in the right.
   */
  async function play(n, seed, rest, left) {
    const hand = new Hand(seed, left);
    stage().setPointerCapture = () => {};
    for (; n > 0; n--) {
      // A reload takes a moment, during which nothing is open.
      while (!page.opened.document) await pause(20);
      await choose(hand)?.(hand);
      await pause(hand.random() * rest);
    }
    await Promise.all(keeping);
  }

  /** Whether an image is open and can be drawn on. */
  const ready = () => page?.store.state.phase === "ready" && page.opened.document !== null;

  /** What waits, and whether the page is where the project is. */
  function standing() {
    const { outbox, opened, conflicts } = page;
    return {
      waiting: outbox.entries.filter((/** @type {any} */ one) => one.state === "waiting").length,
      stuck: conflicts.count,
      ahead: opened.ahead.size + opened.own.length,
      revision: opened.revision,
      word: document.getElementById("saved")?.dataset["state"],
      refused: outbox.entries
        .filter((/** @type {any} */ one) => one.state === "refused")
        .map((/** @type {any} */ one) => [one.op.id, one.op.kind, one.reason]),
    };
  }

  /** What the canvas shows of the whole image with nothing chosen, as a data URL. */
  async function picture() {
    press("Escape");
    press("v");
    press("n");
    page.view.inset = { left: 0, top: 0, right: 0, bottom: 0 };
    page.view.fit();
    const scene = /** @type {HTMLCanvasElement} */ (document.getElementById("scene"));
    let [last, still] = ["", 0];
    // Pictures of masks are made bit by bit: it is done when nothing changes any more.
    for (let n = 0; n < 100 && still < 4; n++) {
      await pause(200);
      const now = scene.toDataURL();
      still = now === last ? still + 1 : 0;
      last = now;
    }
    return last;
  }

  Object.assign(window, {
    driver: { found, ready, play, standing, picture, document: () => page.opened.document.toJSON(), page: () => page },
  });
})();
