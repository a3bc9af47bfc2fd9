"""Which numbers classes get in maps: those that they came with, unless a map cannot hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.detect import load_format
from maskloom.formats.transfer import transfer
from maskloom.store.images import read_map


def written(target: Path, ids: list[int | None]) -> tuple[list[int], tuple[str, ...]]:
    """The numbers of a map in which every class has a pixel, and the warnings."""
    classes = [
        Category(f"c{i}", f"c{i}", "stuff", ids=() if own is None else (("bitmap", own),))
        for i, own in enumerate(ids)
    ]
    pixels = np.arange(len(ids), dtype=np.uint8)[None]
    data = Dataset(
        Taxonomy(tuple(classes)),
        (Sample("a", ImageRef(None)),),
        lambda _: Labels((1, len(ids)), class_map=pixels),
    )
    fmt = load_format("bitmap")
    done = transfer(data, target, fmt, options=fmt.WriteOptions(images="none"))
    assert done.written
    assert done.changed_pixels == 0
    return read_map(target / "masks/a.png")[0].tolist(), done.warnings


def test_one_id_that_no_map_holds_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    values, warnings = written(tmp_path / "out", [0, 7, 300, 40000, 70000, -1])
    assert values == [0, 7, 300, 40000, 1, 2]
    (warning,) = warnings
    assert "c4 70000 → 1, c5 -1 → 2" in warning


def test_of_two_classes_with_one_id_the_first_keeps_it(tmp_path: Path) -> None:
    values, warnings = written(tmp_path / "out", [5, 5, 1])
    assert values == [5, 0, 1]
    assert "c1 5 → 0" in warnings[0]


def test_classes_without_an_id_take_what_is_free_and_nobody_is_warned(tmp_path: Path) -> None:
    values, warnings = written(tmp_path / "out", [None, 0, None, 2])
    assert values == [1, 0, 3, 2]
    assert warnings == ()
