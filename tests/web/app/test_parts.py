"""Parts of the page that draw and count, each against a plain and slow way of doing the same."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

STAMP = """async () => {
  const { stamp, stampBits } = await import("/src/maskloom/web/app/stamp.js");
  const { bitsToRuns } = await import("/src/maskloom/web/core/codec.js");
  let seed = 7;
  const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  const faults = [];
  for (let turn = 0; turn < 60; turn++) {
    const bits = new Uint32Array(2048);
    for (let k = 0; k < 1 + random(40); k++) {
      const [x0, y0, w, h] = [random(256), random(256), 1 + random(60), 1 + random(90)];
      for (let x = x0; x < Math.min(256, x0 + w); x++) {
        for (let y = y0; y < Math.min(256, y0 + h); y++) {
          const place = x * 256 + y;
          bits[place >>> 5] |= 1 << (place & 31);
        }
      }
    }
    const [tx, ty, level] = [random(3), random(3), random(6)];
    const cells = () => ({
      ids: new Int32Array(90 * 70), level, columns: 90, rows: 70,
      left: ((tx * 256) >> level) - 5 + shift, top: ((ty * 256) >> level) - 9 + shift,
    });
    const shift = random(60);
    const slow = cells();
    for (let x = 0; x < 256; x++) {
      for (let y = 0; y < 256; y++) {
        const place = x * 256 + y;
        if (((bits[place >>> 5] >>> (place & 31)) & 1) === 0) continue;
        const column = ((tx * 256 + x) >> level) - slow.left;
        const row = ((ty * 256 + y) >> level) - slow.top;
        if (column < 0 || row < 0 || column >= 90 || row >= 70) continue;
        slow.ids[column * 70 + row] = 4;
      }
    }
    const [fromRuns, fromBits] = [cells(), cells()];
    stamp(fromRuns, bitsToRuns(bits), tx, ty, 4);
    stampBits(fromBits, bits, tx, ty, 4);
    for (const [name, one] of [["runs", fromRuns], ["bits", fromBits]]) {
      if (!one.ids.every((id, i) => id === slow.ids[i])) faults.push([turn, name, level]);
    }
  }
  return faults;
}"""

SHADE = """async () => {
  const { shade, reach, styleFor } = await import("/src/maskloom/web/app/shade.js");
  const how = { opacity: 0.5, fill: true, dashed: false, hatched: false, selected: false };
  const style = styleFor([200, 30, 30], how);
  const out = {};
  for (const [magnify, thick] of [[0, 1], [0, 2], [1, 1], [3, 1], [2, 2]]) {
    const side = 64;
    const far = reach({ magnify, thick });
    const cells = side >> magnify;
    const rows = cells + 2 * far;
    const ids = new Int32Array(rows * rows);
    // A block of cells 2 to 5, both included, in both directions.
    for (let c = 2; c <= 5; c++) ids.fill(1, (c + far) * rows + 2 + far, (c + far) * rows + 6 + far);
    const pixels = new Uint32Array(side * side);
    shade(
      { pixels, width: side, height: side, left: 0, top: 0, magnify, thick },
      { ids, left: -far, top: -far, columns: rows, rows, level: 0 }, [null, style]);
    const [first, last] = [2 << magnify, (6 << magnify) - 1];
    const wanted = new Uint32Array(side * side);
    for (let y = first; y <= last; y++) {
      for (let x = first; x <= last; x++) {
        const depth = Math.min(x - first, last - x, y - first, last - y);
        const ring = depth < thick ? style.line : depth < 2 * thick ? style.contrast : style.fill;
        wanted[y * side + x] = ring;
      }
    }
    out[`${magnify}/${thick}`] = pixels.every((one, i) => one === wanted[i]);
  }
  return out;
}"""

VIEW = """async () => {
  const { View, MAX_SCALE } = await import("/src/maskloom/web/app/view.js");
  const view = new View();
  view.resize(900, 600);
  view.open(3000, 1000);
  const fitted = [view.scale, view.imageToScreen({ x: 0, y: 0 }), view.imageToScreen({ x: 3000, y: 1000 })];
  const held = [];
  for (const factor of [1.5, 4, 0.2, 1.01]) {
    const before = view.screenToImage({ x: 300, y: 310 });
    view.zoomAt({ x: 300, y: 310 }, factor);
    const after = view.screenToImage({ x: 300, y: 310 });
    held.push(Math.hypot(before.x - after.x, before.y - after.y));
  }
  view.zoom(1e9);
  const largest = view.scale === MAX_SCALE;
  view.panBy(1e9, -1e9);
  const at = view.visible();
  return { fitted, held, largest, inView: at.x0 < at.x1 && at.y0 < at.y1 };
}"""


def test_masks_reach_every_cell_that_has_a_pixel_at_every_level(page):
    assert page.evaluate(STAMP) == []


def test_outlines_lie_inside_the_object_along_its_edge(page):
    assert set(page.evaluate(SHADE).values()) == {True}


def test_the_view_keeps_the_point_under_the_pointer_and_some_of_the_image(page):
    seen = page.evaluate(VIEW)
    scale, first, last = seen["fitted"]
    assert scale < 0.3
    assert 0 < first["x"] < last["x"] < 900
    assert 0 < first["y"] < last["y"] < 600
    assert max(seen["held"]) < 1e-6
    assert seen["largest"]
    assert seen["inView"]


@pytest.mark.parametrize(
    ("fragment", "route"),
    [
        ("#/s/17", {"sample": 17}),
        ("#/s/17?layer=by%2Fann&over=gold", {"sample": 17, "layer": "by/ann", "over": "gold"}),
        ("#/review/2/2-14", {"review": 2, "item": "2-14"}),
        ("#/review/x/1", {}),
        ("#/s/1e9", {}),
        ("#/%E0%A4%A", {}),
        ("", {}),
    ],
)
def test_addresses_are_read_and_what_is_none_is_ignored(page, fragment, route):
    read = "async (text) => (await import('/src/maskloom/web/app/route.js')).parseRoute(text)"
    assert page.evaluate(read, fragment) == route
    write = """async (text) => {
      const { formatRoute, parseRoute } = await import('/src/maskloom/web/app/route.js');
      return parseRoute(formatRoute(parseRoute(text)));
    }"""
    assert page.evaluate(write, fragment) == route


def test_a_key_for_a_class_is_made_of_its_name_and_never_taken_twice(page):
    keys = page.evaluate(
        """async () => {
          const { freeKey } = await import("/src/maskloom/web/app/panels/classes.js");
          const known = [{ key: "car" }, { key: "car-2" }];
          return ["Car", " Grüne Fläche!", "日本", "a".repeat(90)].map((name) => freeKey(name, known));
        }"""
    )
    assert keys[:3] == ["car-3", "grune-flache", "class"]
    assert len(keys[3]) == 50


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"key": "Z", "code": "KeyZ", "ctrlKey": True, "shiftKey": True}, "Ctrl+Shift+Z"),
        ({"key": "B", "code": "KeyB"}, "b"),
        ({"key": "?", "code": "Slash", "shiftKey": True}, "?"),
        ({"key": "Delete", "code": "Delete", "altKey": True}, "Alt+Delete"),
        ({"key": " ", "code": "Space"}, "Space"),
        # German on Windows, where AltGr is Ctrl and Alt, and on a Mac.
        (
            {"key": "[", "code": "Digit8", "ctrlKey": True, "altKey": True,
             "modifierAltGraph": True}, "[",
        ),
        ({"key": "[", "code": "Digit5", "altKey": True}, "["),
        # A Polish letter that AltGr types is no key of the page.
        ({"key": "ą", "code": "KeyA", "modifierAltGraph": True}, "ą"),
        ({"key": "b", "code": "KeyB", "altKey": True}, "Alt+b"),
        # Letters of Latin alphabets are where they are printed, not where US keyboards have them.
        ({"key": "z", "code": "KeyY"}, "z"),
        ({"key": "и", "code": "KeyB"}, "b"),
        ({"key": "Й", "code": "KeyQ", "shiftKey": True}, "Shift+Q"),
        ({"key": "я", "code": "KeyZ", "ctrlKey": True}, "Ctrl+Z"),
        ({"key": "ε", "code": "KeyE"}, "e"),
        ({"key": "ז", "code": "KeyZ", "metaKey": True, "shiftKey": True}, "Ctrl+Shift+Z"),
        ({"key": "ö", "code": "Semicolon"}, "ö"),
    ],
)  # fmt: skip
def test_a_key_is_named_alike_on_every_keyboard(page, event, name):
    seen = page.evaluate(
        """async (event) => {
          const { keyName } = await import("/src/maskloom/web/app/shortcuts.js");
          return keyName(new KeyboardEvent("keydown", event));
        }""",
        event,
    )
    assert seen == name
