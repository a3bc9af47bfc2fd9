"""How quick the labelling page is on a large image with many objects, in a real browser.

    python -m benchmarks.page [--side 8192] [--objects 2000] [--seconds 4] [--json FILE]

Panning, zooming, painting and editing a polygon by real pointer events. Counted are the
milliseconds of the page's own JavaScript in a frame (event handlers and frame callbacks together),
long tasks of the main thread, and frames a second for the record: these hang on the machine.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from benchmarks.browsing import ARGUMENTS, CHROMIUM, serving, write_result

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.store.images import write_png
from maskloom.store.project import Project

VIEWPORT = {"width": 1600, "height": 900}
LONG_TASK_MS = 50

METER = """(() => {
  // Time in handlers and frame callbacks, summed up to the next frame.
  const meter = { own: 0, last: 0, frames: [], gaps: [], long: [] };
  window.meter = meter;
  const timed = (call) => function (...given) {
    const start = performance.now();
    try { return call.apply(this, given); } finally { meter.own += performance.now() - start; }
  };
  const frame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (call) => frame(timed(call));
  const listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (name, call, options) {
    const ours = typeof call === "function" && /^(pointer|wheel|key)/.test(name);
    return listen.call(this, name, ours ? timed(call) : call, options);
  };
  const tick = (now) => {
    if (meter.last) { meter.frames.push(meter.own); meter.gaps.push(now - meter.last); }
    meter.own = 0;
    meter.last = now;
    frame(tick);
  };
  frame(tick);
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) meter.long.push(one.duration);
  }).observe({ entryTypes: ["longtask"] });
})()"""


def make_project(folder: Path, side: int, objects: int) -> Path:
    """One image of soft noise with star-shaped objects spread over it."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 215, (side // 32 + 1, side // 32 + 1), np.uint8)
    pixels = np.kron(coarse, np.ones((32, 32), np.uint8))[:side, :side]
    pixels ^= rng.integers(0, 8, pixels.shape, np.uint8)
    path = folder / "images" / "large.png"
    path.parent.mkdir()
    write_png(path, pixels)
    size = (side, side)
    masks = Masks.from_polygons([[_star(rng, side)] for _ in range(objects)], size, "grid")
    taxonomy = Taxonomy.from_names([f"class {n}" for n in range(8)])
    made = Rows.make(masks, rng.integers(0, 8, objects).astype(np.int32))
    sample = Sample("large", ImageRef(path, size), file_name="large.png")
    dataset = Dataset(taxonomy, (sample,), lambda _: Labels(size, rows=made), name="large")
    with Project.create(folder / "project", taxonomy=taxonomy) as project:
        project.add(dataset, "main")
    return folder / "project"


def _star(rng: np.random.Generator, side: int) -> np.ndarray:
    angle = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    radius = rng.uniform(30, 140) * rng.uniform(0.6, 1, 40)
    center = rng.uniform(0, side, 2)
    return center + np.stack([np.cos(angle) * radius, np.sin(angle) * radius], 1)


class Hand:
    """Moves the pointer over the stage for some seconds while the meter runs."""

    def __init__(self, page, seconds: float) -> None:
        self.page = page
        self.seconds = seconds
        box = page.locator("#stage").bounding_box()
        self.middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.reach = min(box["width"], box["height"]) * 0.35

    def settle(self) -> None:
        """Until nothing is left to draw or to save."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            self.page.wait_for_timeout(300)
            if self.page.evaluate(
                "!maskloom.compositor.waiting && maskloom.compositor.images.loading.size === 0"
                " && maskloom.outbox.entries.length === 0"
            ):
                return

    def run(self, step) -> dict[str, float]:
        """Call `step(turn)` until the time is over; turn grows by one a second."""
        self.settle()
        self.page.evaluate(
            "Object.assign(meter, {own: 0, last: 0, frames: [], gaps: [], long: []})"
        )
        start = time.monotonic()
        while (now := time.monotonic() - start) < self.seconds:
            step(now)
        self.page.wait_for_timeout(200)
        return summary(self.page.evaluate("meter"))

    def circle(self, turn: float, scale: float = 1.0) -> None:
        """The next point of a path of circles that drift."""
        x = self.middle[0] + self.reach * scale * math.cos(4 * turn)
        y = self.middle[1] + self.reach * scale * math.sin(5 * turn)
        self.page.mouse.move(x, y)

    def dragging(self) -> dict[str, float]:
        """A drag along the circles."""
        self.page.mouse.move(*self.middle)
        self.page.mouse.down()
        try:
            return self.run(self.circle)
        finally:
            self.page.mouse.up()


def summary(meter) -> dict[str, float]:
    """Percentiles of the JavaScript of a frame, long tasks, frames a second."""
    frames = np.array(meter["frames"])
    busy = frames[frames > 0.05] if (frames > 0.05).any() else frames
    gaps = np.array(meter["gaps"])
    return {
        "frames": len(frames),
        "js_p50_ms": round(float(np.percentile(busy, 50)), 2),
        "js_p95_ms": round(float(np.percentile(busy, 95)), 2),
        "js_max_ms": round(float(busy.max()), 2),
        "long_tasks": sum(one >= LONG_TASK_MS for one in meter["long"]),
        "long_task_max_ms": round(max(meter["long"], default=0.0), 1),
        "frame_p50_ms": round(float(np.percentile(gaps, 50)), 1),
        "frame_p95_ms": round(float(np.percentile(gaps, 95)), 1),
        "fps": round(1000 / statistics.fmean(gaps), 1),
    }


def scaled(page, scale: float) -> None:
    """Show the middle of the image at a scale."""
    page.evaluate(
        """(scale) => {
          const { view } = maskloom;
          view.scale = scale;
          view.x = view.imageWidth / 2 - view.width / 2 / scale;
          view.y = view.imageHeight / 2 - view.height / 2 / scale;
          view.hold();
        }""",
        scale,
    )


def measure(page, seconds: float) -> dict[str, dict[str, float]]:
    """All cases."""
    hand = Hand(page, seconds)
    cases = {}
    page.keyboard.press("h")
    for name, scale in (("pan at 1:1", 1.0), ("pan at 0.52", 0.52), ("pan at 8:1", 8.0)):
        scaled(page, scale)
        cases[name] = hand.dragging()
    page.keyboard.press("f")
    cases["pan, whole image"] = hand.dragging()
    scaled(page, 0.5)
    page.mouse.move(*hand.middle)
    cases["zoom by the wheel"] = hand.run(
        lambda turn: page.mouse.wheel(0, -60 if math.sin(2 * turn) > 0 else 60)
    )
    page.keyboard.press("b")
    for size, scale in ((40, 1.0), (120, 1.0), (200, 1.0), (1000, 1.0), (400, 0.25)):
        scaled(page, scale)
        page.evaluate("size => maskloom.store.set({ size, selected: null })", size)
        cases[f"paint {size} px at {scale:g}"] = hand.dragging()
        hand.settle()
    page.evaluate("maskloom.store.set({ exclusive: true, size: 120, selected: null })")
    scaled(page, 1.0)
    cases["paint 120 px, no overlap"] = hand.dragging()
    page.evaluate("maskloom.store.set({ exclusive: false })")
    cases["drag a corner of 500"] = edit_polygon(page, hand)
    return cases


def edit_polygon(page, hand: Hand) -> dict[str, float]:
    """A corner of a polygon of 500 corners, dragged about."""
    scaled(page, 1.0)
    page.keyboard.press("n")
    page.keyboard.press("p")
    corner = page.evaluate(
        """async () => {
          const { closeRing } = await import("/app/tools/rings.js");
          const { view } = maskloom;
          const [x, y] = [view.imageWidth / 2, view.imageHeight / 2];
          const ring = Array.from({ length: 500 }, (_, i) => (i / 500) * 2 * Math.PI).flatMap(
            (a) => [x + 250 * Math.cos(a), y + 250 * Math.sin(a)].map((v) => Math.round(v * 64)));
          closeRing(maskloom, ring);
          const box = document.getElementById("stage").getBoundingClientRect();
          const at = view.imageToScreen({ x: ring[0] / 64, y: ring[1] / 64 });
          return [box.left + at.x, box.top + at.y];
        }"""
    )
    page.mouse.move(*corner)
    page.mouse.down()
    try:
        return hand.run(lambda turn: hand.circle(turn, 0.6))
    finally:
        page.mouse.up()


def opened(page, address: str) -> float:
    """Seconds from the address, or from a reload, until the image is drawn with its masks."""
    start = time.monotonic()
    page.goto(address) if address else page.reload()
    while not page.evaluate(
        "window.maskloom?.store.state.phase === 'ready' && !maskloom.compositor.waiting"
        " && maskloom.compositor.images.loading.size === 0"
        " && maskloom.compositor.images.bitmaps.size > 0"
    ):
        page.wait_for_timeout(20)
    return time.monotonic() - start


def main() -> None:
    """Measure and tell."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        root = make_project(Path(folder), given.side, given.objects)
        with serving(root) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            page = browser.new_page(viewport=VIEWPORT)
            page.add_init_script(METER)
            first = opened(page, f"{server.address}/#token={server.token}&go=/s/1")
            again = opened(page, "")
            cases = measure(page, given.seconds)
            browser.close()
    for name, one in cases.items():
        print(f"{name:28} js p50 {one['js_p50_ms']:6.2f} p95 {one['js_p95_ms']:6.2f} ms, "
              f"long tasks {one['long_tasks']}, {one['fps']} fps")  # fmt: skip
    result = {"side": given.side, "objects": given.objects, "open_first_s": round(first, 2),
              "open_again_s": round(again, 2), "cases": cases}  # fmt: skip
    write_result(given.json or Path("benchmarks/results/page.json"), result, began)


if __name__ == "__main__":
    main()
