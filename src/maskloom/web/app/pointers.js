/**
 * From pointer events to the tool in hand, and to panning and zooming, which every tool shares:
 * middle button, Space, wheel, two fingers. Once a pen was used, fingers only pan.
 */

const WHEEL_STEP = 1.0016;

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./view.js").Point} Point */

/**
 * @param {Page} page
 * @param {HTMLElement} stage
 * @returns {{hold: (space: boolean) => void}} says whether Space is down.
 */
export function listenToPointers(page, stage) {
  /** @type {Map<number, Point>} pointers that are down, CSS px of the stage. */
  const down = new Map();
  /** @type {"none" | "tool" | "pan" | "pinch"} */
  let doing = "none";
  let space = false;
  let pen = false;

  /** @param {MouseEvent} event @returns {Point} */
  const screenAt = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  /** @param {MouseEvent} event @returns {Point} */
  const imageAt = (event) => page.view.screenToImage(screenAt(event));
  /** @param {Event} event */
  const onStage = (event) => /** @type {Element} */ (event.target) === stage;

  const cursor = () => {
    if (doing === "pan" || doing === "pinch") stage.dataset["cursor"] = "panning";
    else stage.dataset["cursor"] = space ? "pan" : page.tool.cursor;
  };
  page.store.watch(["tool", "sample", "layer", "session", "phase"], cursor);

  stage.addEventListener("pointerdown", (event) => {
    if (!onStage(event) || !page.store.state.sample) return;
    stage.focus({ preventScroll: true });
    if (event.pointerType === "pen") pen = true;
    stage.setPointerCapture(event.pointerId);
    down.set(event.pointerId, screenAt(event));
    if (down.size === 2) {
      if (doing === "tool") page.tool.cancel();
      doing = "pinch";
    } else if (event.button === 1 || space || (pen && event.pointerType === "touch")) {
      doing = "pan";
    } else if (event.button === 0 && down.size === 1) {
      doing = "tool";
      page.tool.down(imageAt(event), event);
    }
    if (event.button === 1) event.preventDefault();
    cursor();
  });

  stage.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) {
      page.tool.hover?.(onStage(event) ? imageAt(event) : null, event);
      return;
    }
    const now = screenAt(event);
    if (doing === "tool") {
      const merged = event.getCoalescedEvents?.() ?? [];
      page.tool.move((merged.length ? merged : [event]).map(imageAt), event);
    } else if (doing === "pan") page.view.panBy(now.x - before.x, now.y - before.y);
    else if (doing === "pinch") pinch(page, down, event.pointerId, now);
    down.set(event.pointerId, now);
  });

  /** @param {PointerEvent} event @param {boolean} whole */
  const end = (event, whole) => {
    if (!down.delete(event.pointerId)) return;
    if (doing === "tool") {
      if (whole) page.tool.up(imageAt(event), event);
      else page.tool.cancel();
    }
    if (down.size === 0) doing = "none";
    cursor();
  };
  stage.addEventListener("pointerup", (event) => end(event, true));
  stage.addEventListener("pointercancel", (event) => end(event, false));
  stage.addEventListener("pointerleave", () => {
    if (down.size === 0) page.tool.hover?.(null);
  });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!page.store.state.sample || /** @type {Element} */ (event.target).closest(".card")) return;
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 32 : event.deltaMode === 2 ? 400 : 1;
      const fine = event.ctrlKey ? 4 : 1;
      if (event.shiftKey) page.view.panBy(-(event.deltaX || event.deltaY) * unit, 0);
      else page.view.zoomAt(screenAt(event), WHEEL_STEP ** (-event.deltaY * unit * fine));
    },
    { passive: false },
  );
  return {
    hold: (held) => {
      space = held;
      cursor();
    },
  };
}

/**
 * Two fingers: zoom by their distance around their middle, pan by its way.
 *
 * @param {Page} page
 * @param {Map<number, Point>} down where they were.
 * @param {number} moved id of the finger that moved.
 * @param {Point} now
 */
function pinch(page, down, moved, now) {
  const other = [...down].find(([id]) => id !== moved)?.[1];
  const before = down.get(moved);
  if (!other || !before) return;
  const was = Math.hypot(before.x - other.x, before.y - other.y);
  const is = Math.hypot(now.x - other.x, now.y - other.y);
  page.view.panBy((now.x - before.x) / 2, (now.y - before.y) / 2);
  const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
  if (was > 8) page.view.zoomAt(middle, is / was);
}
