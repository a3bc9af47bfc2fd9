"""The torture set through the formats of street scenes, whose maps have no background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maskloom.core.labels import Coverage
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import folder_bytes
from .torture import torture

FORMATS = ("cityscapes", "kitti", "mapillary")


def covered(data):
    """The data set with every pixel outside its rows unlabelled."""

    def labels_of(sample):
        labels = data.labels_of(sample)
        return labels.replace(coverage=Coverage(area=_union(labels)))

    return replace(data, labels_of=labels_of)


def _union(labels):
    masks = labels.rows.masks
    return masks.merge() if len(masks) else type(masks).empty(1, labels.size)


@pytest.mark.parametrize("name", FORMATS)
def test_every_hard_mask_comes_back_and_the_second_write_has_the_same_bytes(tmp_path, name):
    facts = ("crowd", "void") if name != "mapillary" else ("void",)
    data = covered(
        torture(tmp_path / "photos", overlap=False, many=name == "cityscapes", facts=facts)
    )
    done = transfer(data, tmp_path / "a", load_format(name))
    if name == "cityscapes":
        assert done.losses == ()
    assert done.written, done.losses
    assert (done.changed_pixels, done.exact_objects) == (0, done.objects)
    assert detect_format(tmp_path / "a").name == name
    back = read_dataset(tmp_path / "a")
    assert {s.key for s in back.samples} == {s.key for s in data.samples}
    assert transfer(back, tmp_path / "b", load_format(name)).written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    assert back.content_hash() == read_dataset(tmp_path / "b").content_hash()


@pytest.mark.parametrize("name", FORMATS)
def test_what_the_maps_cannot_hold_is_refused_with_its_counts(tmp_path, name):
    data = covered(torture(many=True, facts=("attributes", "scores", "nothing")))
    done = transfer(data, tmp_path / "a", load_format(name))
    told = {loss.kind: loss for loss in done.refused}
    ids = {} if name == "cityscapes" else {"ids"}
    assert set(told) == {"overlap", "covered", "attributes", "score", "empty", *ids}
    assert told["attributes"].objects == 1
    assert told["score"].objects == 2
    assert told["empty"].objects >= 1
    if ids:
        # 300 and 299 objects of two classes.
        assert told["ids"].objects == {"kitti": 45 + 44, "mapillary": 44 + 43}[name]
    assert not (tmp_path / "a").exists()
    lossy = transfer(data, tmp_path / "b", load_format(name), allow_loss=True)
    assert lossy.written
    apart = {s.key: labels for s, labels in data if s.key.startswith("hard/")}
    for sample, labels in read_dataset(tmp_path / "b"):
        if sample.key in apart and len(labels.rows):
            np.testing.assert_array_equal(
                labels.rows.masks.merge().dense(0), apart[sample.key].rows.masks.dense(0)
            )
