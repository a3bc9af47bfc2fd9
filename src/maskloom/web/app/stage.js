/**
 * The stage as an element: its size, the cursor ring of the brush, Space held to pan, and a
 * pointer that arrow keys move, so that every tool works without a mouse.
 */

import { Pointers } from "./pointers.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 12;
/** Smaller rings are not seen. */
const LEAST_RING = 5;

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./view.js").Point} Point */

export class Stage {
  /**
   * @param {Page} page
   * @param {HTMLElement} root
   * @param {HTMLElement} ring
   * @param {(point: Point | null) => void} told where the pointer is, px of the image.
   */
  constructor(page, root, ring, told) {
    this.page = page;
    this.root = root;
    this.ring = ring;
    this.told = told;
    /** @type {Point | null} CSS px of the stage. */
    this.pointer = null;
    /** Whether the pointer is moved by keys now. */
    this.byKeys = false;
    this.pressed = false;
    new ResizeObserver(() => this.resize()).observe(root);
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", () =>
      this.resize(),
    );
    const pointers = new Pointers(page, root);
    root.addEventListener("pointermove", (event) => this.follow(event));
    root.addEventListener("pointerdown", (event) => this.follow(event));
    root.addEventListener("pointerleave", () => this.leave());
    root.addEventListener("keydown", (event) => this.press(event));
    document.querySelector(".skip")?.addEventListener("click", (event) => {
      // The address names the image; its fragment is not the link's to change.
      event.preventDefault();
      root.focus();
    });
    window.addEventListener("keydown", (event) => {
      if (event.code !== "Space" || isText(event.target)) return;
      if (event.target !== root && !root.matches(":hover")) return;
      event.preventDefault();
      pointers.hold(true);
    });
    window.addEventListener("keyup", (event) => {
      if (event.code === "Space") pointers.hold(false);
    });
    window.addEventListener("blur", () => pointers.hold(false));
    page.store.watch(["tool", "size", "sample", "selected", "layer"], () => this.drawRing());
    page.draft.painters.push((context) => this.drawCross(context));
  }

  resize() {
    const { width, height } = this.root.getBoundingClientRect();
    const ratio = Math.min(3, devicePixelRatio || 1);
    const fresh = this.page.view.width <= 1;
    this.page.compositor.resize(width, height, ratio);
    this.page.draft.resize(width, height, ratio);
    this.page.view.resize(width, height);
    if (fresh) this.page.view.fit();
  }

  /** @param {PointerEvent} event */
  follow(event) {
    const box = this.root.getBoundingClientRect();
    const over = event.target === this.root && event.pointerType !== "touch";
    this.byKeys = false;
    this.move(over ? { x: event.clientX - box.left, y: event.clientY - box.top } : null);
  }

  leave() {
    if (!this.byKeys) this.move(null);
  }

  /** @param {Point | null} pointer */
  move(pointer) {
    this.pointer = pointer;
    this.told(pointer ? this.page.view.screenToImage(pointer) : null);
    this.drawRing();
  }

  drawRing() {
    const { pointer, ring, page } = this;
    const size = page.tool.ring?.();
    const shown = pointer && size && page.store.state.sample;
    ring.hidden = !shown;
    if (!shown) return;
    const pixels = Math.max(LEAST_RING, size * page.view.scale);
    ring.style.width = ring.style.height = `${pixels}px`;
    ring.style.transform = `translate(${pointer.x - pixels / 2}px, ${pointer.y - pixels / 2}px)`;
    ring.classList.toggle("erasing", page.tool.name === "eraser");
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.target !== this.root || event.defaultPrevented || !this.page.store.state.sample)
      return;
    if (event.key === "Enter" && this.byKeys) this.click(event);
    const arrow = ARROWS[/** @type {keyof typeof ARROWS} */ (event.key)];
    if (!arrow) return;
    // Corners of a polygon are nudged by the same keys; the tool comes first.
    if (!this.byKeys && this.page.tool.key?.(event.key)) return event.preventDefault();
    event.preventDefault();
    const [dx = 0, dy = 0] = arrow;
    if (event.ctrlKey || event.metaKey) return this.page.view.panBy(-dx * 64, -dy * 64);
    const step = event.shiftKey ? this.page.view.scale : STEP;
    const { width, height } = this.page.view;
    const from = this.pointer ?? { x: width / 2, y: height / 2 };
    this.byKeys = true;
    this.move({
      x: Math.min(width - 1, Math.max(0, from.x + dx * step)),
      y: Math.min(height - 1, Math.max(0, from.y + dy * step)),
    });
    const at = this.page.view.screenToImage(/** @type {Point} */ (this.pointer));
    const fake = new PointerEvent("pointermove", { clientX: 0, clientY: 0 });
    if (this.pressed) this.page.tool.move([at], fake);
    else this.page.tool.hover?.(at);
    this.page.draft.redraw();
  }

  /** Press, or let go with brush and eraser, at the pointer of the keys. @param {KeyboardEvent} event */
  click(event) {
    const { tool, view } = this.page;
    if (!this.pointer) return;
    event.preventDefault();
    const at = view.screenToImage(this.pointer);
    const fake = new PointerEvent("pointerdown", { button: 0 });
    const holds = tool.ring !== undefined;
    if (!this.pressed) tool.down(at, fake);
    if (!holds || this.pressed) tool.up(at, fake);
    this.pressed = holds && !this.pressed;
    this.page.rehint();
  }

  /** @param {CanvasRenderingContext2D} _context */
  drawCross(_context) {
    if (!this.byKeys || !this.pointer) return;
    const { x, y } = this.pointer;
    const path = new Path2D();
    path.moveTo(x - 10, y);
    path.lineTo(x + 10, y);
    path.moveTo(x, y - 10);
    path.lineTo(x, y + 10);
    this.page.draft.line(path, this.pressed ? "#ffb000" : "#ffffff");
  }
}

/** @param {EventTarget | null} target @returns {boolean} */
function isText(target) {
  return target instanceof Element && target.matches("input:not([type=range], [type=checkbox])");
}
