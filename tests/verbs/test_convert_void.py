"""What becomes of objects that Cityscapes' scores ignore: refused, and the option is named."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from maskloom.store.images import write_png
from maskloom.verbs.convert import convert

NUMBERS = np.array([[29000, 29000, 26000], [4, 23, 7]], np.uint16)
"""A caravan (ignored, with instances), a car, static (void), sky and road."""


def put(root):
    for folder in ("gtFine", "leftImg8bit"):
        (root / folder / "val" / "ulm").mkdir(parents=True)
    write_png(root / "gtFine/val/ulm/ulm_000001_000019_gtFine_instanceIds.png", NUMBERS)
    photo = Image.fromarray(np.zeros((2, 3, 3), np.uint8))
    photo.save(root / "leftImg8bit/val/ulm/ulm_000001_000019_leftImg8bit.png")
    return root


def test_an_object_of_an_ignored_class_is_refused_by_id_and_the_option_keeps_it(tmp_path):
    source = put(tmp_path / "city")
    refused = convert(source, tmp_path / "out", to="coco-panoptic")
    assert refused.exit_code == 1
    losses = refused.results["losses"]
    assert {kind for kind, told in losses.items() if told["refused"]} == {"ignored"}
    assert [(one["category"], one["area"]) for one in losses["ignored"]["first"]] == [
        ("caravan", 2)
    ]
    assert "from.ignored=true" in refused.lines[-1]
    kept = convert(source, tmp_path / "out", to="coco-panoptic", set_=("from.ignored=true",))
    assert kept.exit_code == 0
    # Which void class a pixel had is told: it stays void.
    assert kept.results["losses"]["void_classes"]["objects"] == 1
    written = json.loads((tmp_path / "out/annotations/panoptic_val.json").read_text())
    names = {one["id"]: one["name"] for one in written["categories"]}
    segments = written["annotations"][0]["segments_info"]
    assert sorted(names[one["category_id"]] for one in segments) == [
        "car", "caravan", "road", "sky",
    ]  # fmt: skip
