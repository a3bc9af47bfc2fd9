"""What is painted on the page is what `maskloom export` writes, bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from maskloom.core.labels import Labels
from maskloom.store.images import read_map

pytestmark = pytest.mark.browser

SCREEN = """(() => {
  const document = maskloom.opened.document;
  return import("/core/codec.js").then(({ runsToBits, tilePlace }) => {
    const [height, width] = document.size;
    const out = {};
    for (const [uid, item] of document.objects) {
      const rows = Array.from({ length: height }, () => new Array(width).fill(0));
      for (const [key, runs] of item.tiles) {
        const bits = runsToBits(runs);
        const [tx, ty] = tilePlace(key);
        for (let x = 0; x < 256; x++) for (let y = 0; y < 256; y++) {
          const place = x * 256 + y;
          if ((bits[place >>> 5] >>> (place & 31)) & 1) rows[ty * 256 + y][tx * 256 + x] = 1;
        }
      }
      out[uid] = rows.map((row) => row.join(""));
    }
    return out;
  });
})()"""


def on_screen(tab):
    """uid → (H, W) of what the page holds."""
    return {
        uid: np.array([[one == "1" for one in row] for row in rows])
        for uid, rows in tab.value(SCREEN).items()
    }


def export(root, target, *words):
    command = [sys.executable, "-m", "maskloom", "export", str(root), str(target), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def paint(tab):
    """A bit of everything, with a small and a large brush, over tile borders and the edge."""
    tab.key("b").value("maskloom.store.set({ size: 7 })")
    tab.drag((250, 240), (262, 270), (240, 262))
    tab.value("maskloom.store.set({ size: 61 })")
    tab.key("n", "2").drag((390, 10), (398, 60))
    tab.key("n", "p").click((20.3, 190.7), (77.1, 201.9), (50.5, 288.2)).key("Enter")
    tab.key("e").value("maskloom.store.set({ size: 15 })")
    return tab


@pytest.fixture
def exact(tmp_path, kit):
    root = kit.make_project(tmp_path, {"main": {"a": kit.rows(kit.boxes, [0, 1, 0])}})
    with kit.serving(root) as server:
        yield server


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_objects_in_coco_are_the_pixels_of_the_page(exact, new_tab, tmp_path):
    from pycocotools import mask as coco

    tab = new_tab().open(exact.link(place="#/s/1"))
    paint(tab).drag((60, 60), (100, 90)).saved()
    seen = on_screen(tab)
    target = export(exact.root, tmp_path / "coco", "--to", "coco", "--set", "to.segmentation=rle",
                    "--allow-loss")  # fmt: skip
    (path,) = target.rglob("*.json") if target.is_dir() else [target]
    written = []
    for one in json.loads(path.read_text())["annotations"]:
        rle = one["segmentation"]
        if isinstance(rle["counts"], list):
            rle = coco.frPyObjects(rle, *rle["size"])
        written.append(coco.decode(rle).astype(bool))
    assert len(written) == len(seen) == 6
    for mask in seen.values():
        assert any((mask == one).all() for one in written)


def test_objects_in_png_files_are_the_pixels_of_the_page(exact, new_tab, tmp_path):
    tab = new_tab().open(exact.link(place="#/s/1"))
    paint(tab).saved()
    seen = on_screen(tab)
    target = export(exact.root, tmp_path / "out", "--to", "objects", "--allow-loss")
    written = [read_map(path) > 0 for path in target.rglob("*.png") if "images" not in path.parts]
    written = [one[:, :, 0] if one.ndim == 3 else one for one in written]
    for mask in seen.values():
        assert any(mask.shape == one.shape and (mask == one).all() for one in written)


def test_a_class_map_in_png_is_the_pixels_of_the_page(tmp_path, kit, new_tab):
    start = np.zeros((300, 400), np.uint8)
    start[:, 200:] = 1
    root = kit.make_project(tmp_path, {"main": {"a": Labels((300, 400), class_map=start)}})
    with kit.serving(root) as server:
        tab = new_tab().open(server.link(place="#/s/1"))
        tab.key("2", "b").drag((100, 100), (150, 250))
        tab.key("1", "p").click((250, 40), (380, 60), (300, 280)).key("Enter")
        tab.key("3", "b").drag((190, 20), (210, 60)).saved()
        seen = on_screen(tab)
        assert np.sum(list(seen.values()), axis=0).max() == 1
        target = export(root, tmp_path / "maps", "--to", "bitmap")
    (path,) = [one for one in target.rglob("a.png") if "image" not in str(one.parent.name)]
    ids = read_map(path)
    values = {key: np.unique(ids[mask]) for key, mask in seen.items() if mask.any()}
    assert all(len(one) == 1 for one in values.values())
    assert len({int(one[0]) for one in values.values()}) == 3
    for key, value in values.items():
        assert (seen[key] == (ids == value[0])).all()


def test_the_eraser_leaves_no_class_in_a_map_and_undo_restores_every_class(tmp_path, kit, new_tab):
    start = np.zeros((300, 400), np.uint8)
    start[:, 200:] = 1
    root = kit.make_project(tmp_path, {"main": {"a": Labels((300, 400), class_map=start)}})
    with kit.serving(root) as server:
        tab = new_tab().open(server.link(place="#/s/1"))
        before = on_screen(tab)
        tab.key("e").drag((150, 150), (250, 150)).saved()
        left = np.sum(list(on_screen(tab).values()), axis=0)
        assert left[150, 200] == 0
        assert len(server.operations(1)) == 1
        tab.key("Control+z").saved()
        after = on_screen(tab)
        assert all((after[key] == mask).all() for key, mask in before.items())
