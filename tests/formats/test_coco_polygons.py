"""Polygons read from bytes are what the JSON parser says, to the last bit."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from maskloom.errors import FormatError
from maskloom.formats.coco.file import read_file
from maskloom.formats.coco.polygons import read_polygons
from maskloom.formats.detect import read_dataset
from maskloom.formats.shared import json_window
from maskloom.formats.shared.json_outline import outline


def number(rng, decimals):
    """The text of a number below 2**24 without exponent: short, whole, negative, long, zero."""
    kind = rng.randrange(7)
    if kind == 0:
        return rng.choice(["0", "-0", "0.0", "-0.0", "0.5", "-0.000", "16777216", "0.1"])
    if kind == 1:
        return str(rng.randrange(-5000, 5000))
    return f"{rng.uniform(-700, 700):.{rng.randrange(1, decimals)}f}"


def polygons(rng):
    """The text of 1 to 3 polygons, with some spaces."""
    apart = rng.choice([",", ", ", " ,\n  "])
    decimals = rng.choice([4, 13, 18])
    rings = [
        "[" + apart.join(number(rng, decimals) for _ in range(2 * rng.randrange(3, 9))) + "]"
        for _ in range(rng.randrange(1, 4))
    ]
    return "[" + apart.join(rings) + "]"


def read(texts):
    """What the kernel makes of lists that lie in one text."""
    text = " ".join(texts).encode()
    lengths = np.array([len(t) for t in texts])
    ends = np.cumsum(lengths + 1) - 1
    return read_polygons(np.frombuffer(text, np.uint8), ends - lengths, ends)


def bits(values):
    return np.array(values, np.float64).view(np.uint64).ravel().tolist()


def test_every_number_has_the_bits_that_the_parser_gives_it():
    rng = random.Random(0)
    done = left = 0
    for _ in range(1500):
        texts = [polygons(rng) for _ in range(rng.randrange(1, 5))]
        points, rings, objects, told = read(texts)
        for i, text in enumerate(texts):
            own = [points[rings[r] : rings[r + 1]] for r in range(objects[i], objects[i + 1])]
            if told[i]:
                assert [bits(ring) for ring in own] == [bits(ring) for ring in json.loads(text)]
            assert bool(own) == bool(told[i])
        done += int(told.sum())
        left += len(texts) - int(told.sum())
    assert done > 500
    assert left > 500


def test_numbers_as_long_as_53_bits_are_read_and_longer_ones_are_left():
    for text, short in (
        ("9007199254740.992", True),
        ("9007199254740.993", False),
        ("0.12345678901234567", False),
        ("0.00000000000000001", False),
    ):
        points, _, _, told = read([f"[[{text}, 1, 2, 3, 4, 5]]"])
        assert bool(told[0]) is short
        if short:
            assert bits(points[0, 0]) == bits(float(text))


def test_a_place_without_a_list_has_no_rings():
    empty = np.zeros(2, np.int64)
    points, rings, objects, told = read_polygons(np.zeros(4, np.uint8), empty, empty)
    assert (points.shape, rings.tolist()) == ((0, 2), [0])
    assert (objects.tolist(), told.tolist()) == ([0, 0, 0], [0, 0])


def shapes(rng):
    """Segmentations of every kind that a file may hold."""
    kind = rng.randrange(8)
    if kind == 0:
        return '{"size": [40, 60], "counts": [100, 20, 2280]}'
    if kind == 1:
        return rng.choice(["[]", "null"])
    return polygons(rng)


@pytest.fixture
def coco(tmp_path):
    """A file of 30 images whose annotations lie in no order, with fields of its own."""
    rng = random.Random(5)
    own = []
    for n in range(1, 200):
        more = rng.choice(["", ', "note": "a]}"', ', "attributes": {"a": [1]}', ', "x": [{}]'])
        twice = ', "segmentation": [[1, 1, 9, 1, 9, 9]]' if n % 20 == 0 else ""
        own.append(
            f'{{"id": {n}, "image_id": {rng.randrange(1, 31)}, "category_id": 1, '
            f'"segmentation": {shapes(rng)}, "bbox": [1, 2, 3, 4.5]{more}{twice}}}'
        )
    images = ", ".join(
        f'{{"id": {i}, "file_name": "{i}.png", "height": 40, "width": 60}}' for i in range(1, 31)
    )
    text = f'{{"images": [{images}], "categories": [{{"id": 1, "name": "a"}}], "annotations": '
    path = tmp_path / "a.json"
    path.write_text(f"{text}[{', '.join(own)}]}}")
    return path


def test_annotations_are_what_the_parser_says(coco):
    wanted: dict[int, list] = {}
    for one in json.loads(coco.read_text())["annotations"]:
        wanted.setdefault(one["image_id"], []).append(one)
    found = read_file(coco, None, skip_bad=False, like=None).annotations
    assert list(found) == sorted(wanted)
    drawn = 0
    for image, own in found.items():
        for i, entry in enumerate(own.entries):
            rings = [
                own.points[own.rings[r] : own.rings[r + 1]].ravel().tolist()
                for r in range(own.objects[i], own.objects[i + 1])
            ]
            drawn += bool(rings)
            segmentation = rings or entry["segmentation"]
            assert entry | {"segmentation": segmentation} == wanted[image][i]
            assert not (rings and entry["segmentation"])
    assert drawn > 30


@pytest.mark.parametrize("ahead", [0, 500, 1 << 20])
@pytest.mark.parametrize("apart", [0, 1 << 22])
def test_labels_do_not_depend_on_how_a_file_is_read(coco, monkeypatch, ahead, apart):
    wanted = read_dataset(coco, "coco").content_hash()
    monkeypatch.setattr(json_window, "_AHEAD", ahead)
    monkeypatch.setattr(json_window, "_APART", apart)
    assert read_dataset(coco, "coco").content_hash() == wanted


def test_a_window_gives_the_bytes_of_its_entries_and_tells_of_a_change(tmp_path, monkeypatch):
    monkeypatch.setattr(json_window, "_AHEAD", 40)
    monkeypatch.setattr(json_window, "_APART", 30)
    values = [[i] * (i % 7) for i in range(60)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": values}))
    found = outline(path)
    window = json_window.Window(found, found.lists["a"])
    rng = random.Random(0)
    groups = [[i, i + 1] for i in range(0, 60, 2)]
    groups += [sorted(rng.sample(range(60), 5)) for _ in range(50)]
    for own in groups:
        text, starts, ends = window.text_of(np.array(own))
        parts = [json.loads(text[a:b]) for a, b in zip(starts, ends, strict=True)]
        assert parts == [values[i] for i in own]
    path.write_text(json.dumps({"a": [*values, 1]}))
    with pytest.raises(FormatError, match="changed while it was being read"):
        window.text_of(np.array([0, 1]))
