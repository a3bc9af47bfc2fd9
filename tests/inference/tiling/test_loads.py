"""What is decompressed to read an image of blocks: what is asked for, and once per pass."""

from __future__ import annotations

import zipfile
from collections import Counter

import numpy as np
import pytest

from maskloom.inference.tiling.blocks import BlockLabels, save_block
from maskloom.inference.tiling.forward import Seams
from maskloom.inference.tiling.plan import Plan
from maskloom.inference.tiling.tiled import Tiled, block_file
from maskloom.inference.tiling.whole import Blocks, stitch

SIZE = (150, 330)


@pytest.fixture
def tiled(tmp_path):
    """15 blocks of one object each."""
    plan = Plan(SIZE, "exact", (64, 70), 1, margin=4)
    for block in plan:
        height, width = block.core[1] - block.core[0], block.core[3] - block.core[2]
        window = block.window[1] - block.window[0], block.window[3] - block.window[2]
        objects = np.zeros(window, np.int32)
        objects[20, 20] = 1
        labels = BlockLabels(
            np.full((height, width), block.index, np.uint8),
            np.full((height, width), 255, np.uint8),
            objects,
            np.zeros(1, np.int32),
            np.ones(1),
            np.zeros(1, bool),
        )
        save_block(block_file(tmp_path, block.index), labels)
    return Tiled(tmp_path, plan, 0, 0, Seams())


@pytest.fixture
def loads(monkeypatch, tiled):
    """Names of arrays → how often one was opened."""
    found: Counter[str] = Counter()
    whole = zipfile.ZipFile.open

    def opened(self, name, mode="r", *args, **kwargs):
        found[getattr(name, "filename", name).removesuffix(".npy")] += mode == "r"
        return whole(self, name, mode, *args, **kwargs)

    monkeypatch.setattr(zipfile.ZipFile, "open", opened)
    return found


def slabs(read, rows: int) -> np.ndarray:
    height, width = SIZE
    return np.concatenate(
        [read(y, min(height, y + rows), 0, width) for y in range(0, height, rows)]
    )


@pytest.mark.parametrize("rows", [20, 64, 100])
def test_a_pass_in_slabs_loads_each_array_of_its_layer_once(tiled, loads, rows):
    found = slabs(Blocks(tiled, cache_bytes=1).layer("classes"), rows)
    assert loads == {"classes": 15}
    assert found[100, 200] == 7


def test_ids_load_objects_alone_and_once(tiled, loads):
    blocks = Blocks(tiled, cache_bytes=1)
    stitched = stitch(blocks)
    loads.clear()
    ids = slabs(blocks.ids(stitched), 20)
    assert loads == {"objects": 15}
    assert sorted(ids[ids > 0]) == list(range(1, 16))


def test_joining_loads_no_class_map(tiled, loads):
    stitch(Blocks(tiled, cache_bytes=1))
    assert loads["classes"] == loads["confidence"] == 0
    assert loads["objects"] == 15


def test_a_row_beyond_the_bound_is_not_kept(tiled, loads, monkeypatch):
    monkeypatch.setattr("maskloom.inference.tiling.whole._ROW_BYTES", 4 * 64 * 70)
    slabs(Blocks(tiled, cache_bytes=1).layer("classes"), 32)
    assert loads["classes"] > 15
