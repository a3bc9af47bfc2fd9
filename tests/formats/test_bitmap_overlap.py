"""Maps of object ids: what is in front is seen, and what is hidden wholly is told."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, dataset_of, objects

SIZE = (20, 30)


def box(y0, y1, x0, x1):
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def written(path, name, masks, **columns):
    data = dataset_of(NUCLEUS, {"a": objects(masks, **columns)}, path / "photos")
    done = transfer(data, path / "out", load_format(name), allow_loss=True)
    back = read_dataset(path / "out", name)
    return done, back.labels_of(back.samples[0]).rows


@pytest.mark.parametrize("name", ["bitmap", "geotiff"])
@pytest.mark.parametrize(
    "columns",
    [
        {"z_order": [1, 0]},
        {"score": [0.9, 0.2]},
        {"score": [np.nan, 0.2]},
        {"z_order": [1, 0], "score": [0.1, 0.9]},
    ],
)
def test_the_pixel_is_the_object_in_front_not_the_later_row(tmp_path, name, columns):
    front, behind = box(0, 10, 0, 10), box(5, 15, 5, 15)
    done, rows = written(tmp_path, name, [front, behind], instance=[3, 7], **columns)
    found = dict(zip(rows.instance.tolist(), rows.masks.decode(), strict=True))
    assert np.array_equal(found[3], front)
    assert np.array_equal(found[7], behind & ~front)
    assert [(x.kind, x.pixels) for x in done.losses if x.kind in ("overlap", "covered")] == [
        ("overlap", 25)
    ]


@pytest.mark.parametrize("name", ["bitmap", "geotiff"])
def test_an_object_wholly_under_others_is_a_loss_of_its_own(tmp_path, name):
    masks = [box(2, 6, 2, 6), box(0, 10, 0, 10), box(12, 14, 0, 5)]
    done, rows = written(tmp_path, name, masks, instance=[5, 6, 9])
    assert rows.instance.tolist() == [6, 9]
    (loss,) = (x for x in done.losses if x.kind == "covered")
    assert (loss.objects, loss.pixels, loss.refused) == (1, 16, True)
    assert "wholly under others" in loss.example


def test_parts_of_one_object_and_objects_apart_hide_nothing(tmp_path):
    masks = [box(0, 4, 0, 4), box(0, 4, 10, 14), box(10, 12, 0, 30)]
    done, rows = written(tmp_path, "bitmap", masks, instance=[4, 4, 8])
    assert [loss.kind for loss in done.losses] == ["parts"]
    assert sorted(rows.instance.tolist()) == [4, 8]
