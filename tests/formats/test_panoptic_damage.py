"""Files of COCO panoptic and VOC with bytes changed, cut out or put in."""

from __future__ import annotations

import random

import pytest

from maskloom.errors import DataError
from maskloom.formats.detect import read_dataset

from . import test_coco_panoptic, test_voc


def damaged(good, rng):
    body = bytearray(good)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body) + 1)
        how = rng.randrange(3)
        if how == 0:
            body[at : at + 1] = bytes([rng.randrange(256)])
        elif how == 1:
            del body[at : at + rng.randint(1, 20)]
        else:
            body[at:at] = rng.randbytes(3)
    return bytes(body)


@pytest.mark.parametrize(
    ("name", "fmt"),
    [
        ("panoptic_val.json", "coco-panoptic"),
        ("panoptic_val/a.png", "coco-panoptic"),
        ("Annotations/a.xml", "voc"),
        ("SegmentationClass/a.png", "voc"),
        ("SegmentationObject/a.png", "voc"),
    ],
)
def test_damage_is_read_or_refused_in_one_message(tmp_path, name, fmt):
    make = test_voc.put if fmt == "voc" else test_coco_panoptic.put
    root = make(tmp_path)
    good = (tmp_path / name).read_bytes()
    refused = []
    for seed in range(40):
        (tmp_path / name).write_bytes(damaged(good, random.Random(seed)))
        try:
            list(read_dataset(root, fmt))
        except DataError as error:
            refused.append(error.message)
    assert len(refused) > 20
    assert not any("\n" in message for message in refused)
    (tmp_path / name).write_bytes(good)
    assert len(list(read_dataset(root, fmt))) == 1
