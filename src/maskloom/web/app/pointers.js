/**
 * From pointer events to the tool in hand, and to panning and zooming, which every tool shares:
 * middle button, Space, wheel, two fingers. Once a pen was used, fingers only pan, and a hand that
 * rests on the screen while the pen draws does nothing.
 */

const WHEEL_STEP = 1.0016;
/** px of a line and of a page of a wheel that does not count in px. */
const LINE = 32;
const SCREEN = 400;

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./view.js").Point} Point */

export class Pointers {
  /** @param {Page} page @param {HTMLElement} stage */
  constructor(page, stage) {
    this.page = page;
    this.stage = stage;
    /** @type {Map<number, Point>} pointers that are down, CSS px of the stage. */
    this.down = new Map();
    /** @type {"none" | "tool" | "pan" | "pinch"} */
    this.doing = "none";
    /** Kind of the pointer that the tool follows. */
    this.drawing = "";
    this.space = false;
    this.pen = false;
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    stage.addEventListener("pointerup", (event) => this.end(event, true));
    stage.addEventListener("pointercancel", (event) => this.end(event, false));
    stage.addEventListener("pointerleave", () => {
      if (this.down.size === 0) page.tool.hover?.(null);
    });
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    page.store.watch(["tool", "sample", "layer", "session", "phase"], () => this.showCursor());
  }

  /** Space is down, or not any more. @param {boolean} space */
  hold(space) {
    this.space = space;
    this.showCursor();
  }

  /** @param {MouseEvent} event @returns {Point} CSS px of the stage. */
  screenAt(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {MouseEvent} event @returns {Point} px of the image. */
  imageAt(event) {
    return this.page.view.screenToImage(this.screenAt(event));
  }

  showCursor() {
    const moving = this.doing === "pan" || this.doing === "pinch";
    this.stage.dataset["cursor"] = moving ? "panning" : this.space ? "pan" : this.page.tool.cursor;
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.target !== this.stage || !this.page.store.state.sample) return;
    if (event.pointerType === "touch" && this.doing === "tool" && this.drawing === "pen") return;
    this.stage.focus({ preventScroll: true });
    if (event.pointerType === "pen") this.takePen();
    this.stage.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, this.screenAt(event));
    if (this.down.size === 2) {
      this.retract();
      this.doing = "pinch";
    } else if (this.pans(event)) this.doing = "pan";
    else if (event.button === 0 && this.down.size === 1) {
      this.doing = "tool";
      this.drawing = event.pointerType;
      this.page.tool.down(this.imageAt(event), event);
    }
    if (event.button === 1) event.preventDefault();
    this.showCursor();
  }

  /** The hand came down before the pen: what it began was not meant. */
  takePen() {
    this.pen = true;
    this.retract();
    this.down.clear();
    this.doing = "none";
  }

  /** The press is none of the tool's any more. */
  retract() {
    const { tool } = this.page;
    if (this.doing !== "tool") return;
    if (tool.retract) tool.retract();
    else tool.cancel();
  }

  /** @param {PointerEvent} event @returns {boolean} */
  pans(event) {
    return event.button === 1 || this.space || (this.pen && event.pointerType === "touch");
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { page, down, doing } = this;
    const before = down.get(event.pointerId);
    if (!before) {
      // A finger that is not followed rests beside the pen.
      if (event.pointerType === "touch") return;
      page.tool.hover?.(event.target === this.stage ? this.imageAt(event) : null, event);
      return;
    }
    const now = this.screenAt(event);
    if (doing === "tool") {
      const merged = event.getCoalescedEvents?.() ?? [];
      const events = merged.length ? merged : [event];
      page.tool.move(
        events.map((one) => this.imageAt(one)),
        event,
      );
    } else if (doing === "pan") page.view.panBy(now.x - before.x, now.y - before.y);
    else if (doing === "pinch") this.pinch(event.pointerId, before, now);
    down.set(event.pointerId, now);
  }

  /** @param {PointerEvent} event @param {boolean} whole false if the browser took it away. */
  end(event, whole) {
    if (!this.down.delete(event.pointerId)) return;
    if (this.doing === "tool" && whole) this.page.tool.up(this.imageAt(event), event);
    else this.retract();
    if (this.down.size === 0) this.doing = "none";
    this.showCursor();
  }

  /** @param {WheelEvent} event */
  turn(event) {
    const card = /** @type {Element} */ (event.target).closest(".card");
    if (!this.page.store.state.sample || card) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? LINE : event.deltaMode === 2 ? SCREEN : 1;
    const { view } = this.page;
    if (event.shiftKey) view.panBy(-(event.deltaX || event.deltaY) * unit, 0);
    // A pinch on a touchpad comes as a wheel with Ctrl, in small steps.
    else
      view.zoomAt(
        this.screenAt(event),
        WHEEL_STEP ** (-event.deltaY * unit * (event.ctrlKey ? 4 : 1)),
      );
  }

  /**
   * Two fingers: zoom by their distance around their middle, pan by its way.
   *
   * @param {number} moved id of the finger that moved.
   * @param {Point} before
   * @param {Point} now
   */
  pinch(moved, before, now) {
    const other = [...this.down].find(([id]) => id !== moved)?.[1];
    if (!other) return;
    const was = Math.hypot(before.x - other.x, before.y - other.y);
    const is = Math.hypot(now.x - other.x, now.y - other.y);
    this.page.view.panBy((now.x - before.x) / 2, (now.y - before.y) / 2);
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    if (was > 8) this.page.view.zoomAt(middle, is / was);
  }
}
