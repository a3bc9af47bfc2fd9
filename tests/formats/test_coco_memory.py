"""What a COCO file takes in memory: some bytes an annotation, whatever the order and the ids."""

from __future__ import annotations

import gc
import json
import random
import tracemalloc

import numpy as np
import pytest

from maskloom.formats.coco.entries import CocoEntries
from maskloom.formats.detect import read_dataset
from maskloom.formats.shared import spool

FEW, MANY, IMAGES = 20_000, 60_000, 50  # all of more bytes than a block that is read at once


def put(path, n, *, how):
    """A file of n annotations of few images."""
    order = list(range(n))
    if how == "shuffled":
        random.Random(0).shuffle(order)
    own = (
        {"id": i + 1, "image_id": i * IMAGES // n, "category_id": 1, "iscrowd": 0, "area": 2.0,
         "bbox": [0, 0, 2, 2], "segmentation": [[0, 0, 2, 0, 2, 2]]}
        for i in order
    )  # fmt: skip
    images = [{"id": i, "file_name": f"{i}.png", "height": 4, "width": 5} for i in range(IMAGES)]
    with path.open("w") as out:
        out.write(json.dumps({"images": images, "categories": [{"id": 1, "name": "a"}]})[:-1])
        out.write(', "annotations": [')
        out.write(",\n".join(map(json.dumps, own)))
        out.write("]}")
    return path


def traced(work):
    """What work returns, and bytes that are held after it and at its peak."""
    gc.collect()
    tracemalloc.start()
    try:
        made = work()
        gc.collect()
        return made, np.array(tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("how", "held", "most"), [("sorted", 17, 48), ("shuffled", 21, 56)])
def test_a_file_takes_some_bytes_an_annotation(tmp_path, how, held, most):
    taken = []
    for n in (10, FEW, MANY):  # the first imports and compiles
        path = put(tmp_path / f"{n}.json", n, how=how)
        data, bytes_ = traced(lambda path=path: read_dataset(path, "coco"))
        assert len(data) == IMAGES
        taken.append(bytes_)
    per_one = (taken[2] - taken[1]) / (MANY - FEW)
    assert per_one[0] < held
    assert per_one[1] < most
    assert sum(len(labels.rows) for _, labels in data) == MANY


def test_a_writer_takes_eight_bytes_an_annotation(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "_QUICK", 1)

    def fill(n):
        entries = CocoEntries(tmp_path / "a.json")
        for i in range(IMAGES):
            own = [{"id": 7 * j + i, "category_id": 0} for j in range(n // IMAGES)]
            entries.append(f"{i:03d}", {"id": i}, own)
        return entries

    taken = [traced(lambda n=n: fill(n))[1][0] for n in (IMAGES, 100 * IMAGES, 1000 * IMAGES)]
    # Arrays that grow keep a sixteenth in reserve.
    assert (taken[2] - taken[1]) / (900 * IMAGES) < 10
