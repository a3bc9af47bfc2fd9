"""Files of labelling tools with something wrong in them are read, or refused in one message."""

from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.errors import MaskloomError, WriteError
from maskloom.formats.detect import read_dataset

from . import test_labelme, test_supervisely, test_via
from .conftest import NUCLEUS, dataset_of
from .tool_cases import SIZE, hard_masks, put

NAN = float("nan")
JUNK = [
    None, True, -1, 0, 1.5, 1e308, NAN, float("inf"), 10**30, "", "x", "../x", "\0", [], {}, [[]],
    [None], {"a": 1}, [1, 2], [[1, 2]], "9" * 400, ["a"] * 3,
]  # fmt: skip


def labelme(root):
    shapes = [
        test_labelme.shape(),
        test_labelme.shape(
            kind="mask", points=[[3, 3], [5, 5]], mask=test_labelme.png_text(np.ones((3, 3)))
        ),
        test_labelme.shape("_background_", [[9, 9], [12, 9]], "circle", group_id=3),
        test_labelme.shape(kind="point", points=[[1, 1]], score=0.5, flags={"a": True}),
    ]
    return test_labelme.put_file(root, *shapes) / "a.json"


def supervisely(root):
    disc = test_supervisely.DISC
    entries = [
        test_supervisely.bitmap(1, disc, tags=[{"name": "x", "value": 2}]),
        test_supervisely.drawn(2, "polygon", [[1, 1], [9, 1], [9, 9]], [[[3, 3], [5, 3], [5, 5]]]),
        test_supervisely.drawn(3, "rectangle", [[1, 1], [4, 4]], instance="7"),
    ]
    return test_supervisely.put_project(root, *entries, tags=[{"name": "y"}]) / "ds0/ann/a.png.json"


def meta(root):
    supervisely(root)
    return root / "meta.json"


def via(root):
    regions = [
        test_via.polygon(**{"class": "cat"}),
        test_via.region("ellipse", {"class": "cat"}, cx=9, cy=9, rx=4, ry=2, theta=0.3),
        test_via.region("rect", x=1, y=2, width=3, height=4),
    ]
    return test_via.put_file(root, test_via.entry(*regions)) / "via_region_data.json"


def places(value, at=()):
    yield at
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, one in inside:
        yield from places(one, (*at, key))


def damaged(value, rng):
    """A copy in which something is gone, doubled or something else."""
    value = copy.deepcopy(value)
    place = rng.choice([at for at in places(value) if at])
    holder = value
    for key in place[:-1]:
        holder = holder[key]
    how = rng.random()
    if how < 0.25 and isinstance(holder, dict):
        del holder[place[-1]]
    elif how < 0.4 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[place[-1]]))
    else:
        holder[place[-1]] = rng.choice(JUNK)
    return value


@pytest.mark.parametrize(
    ("fmt", "make"),
    [("labelme", labelme), ("supervisely", supervisely), ("supervisely", meta), ("via", via)],
)
def test_whatever_is_wrong_in_a_file_is_one_message(tmp_path, fmt, make):
    file = make(tmp_path)
    whole = json.loads(file.read_text())
    rng = random.Random(11)
    read, messages = 0, []
    for _ in range(150):
        file.write_text(json.dumps(damaged(whole, rng)))
        for skip_bad in (False, True):
            try:
                for _sample, _labels in read_dataset(tmp_path, fmt, skip_bad=skip_bad):
                    pass
                read += 1
            except MaskloomError as error:
                messages.append(error.message)
    assert min(read, len(messages)) > 30
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize("fmt", ["labelme", "supervisely", "via"])
def test_what_json_cannot_say_is_not_written(tmp_path, fmt):
    masks = Masks.from_dense(hard_masks()[:1])
    rows = Rows.make(masks, [0], attributes=({"depth": NAN},))
    with pytest.raises(WriteError, match="JSON cannot say a value"):
        put(dataset_of(NUCLEUS, {"a": Labels(SIZE, rows=rows)}), tmp_path / "out", fmt)
    assert not (tmp_path / "out").exists()
