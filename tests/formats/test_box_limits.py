"""Boxes that lie outside of images, end before they begin or are too many for maps of objects."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer


def picture(path, size=(80, 100)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(path)


def convert(data, folder, name, **options):
    return transfer(data, folder, load_format(name), **options)


def told(done):
    return {loss.kind: loss for loss in done.losses}


@pytest.mark.parametrize("turned", ["", 'rotation="30.0"'])
def test_a_box_of_cvat_is_the_same_whichever_corners_are_named(tmp_path, turned):
    picture(tmp_path / "in/images/a.png")

    def boxes(place):
        (tmp_path / "in/annotations.xml").write_text(
            "<annotations><version>1.1</version><meta><task><labels><label><name>cat</name>"
            '</label></labels></task></meta><image id="0" name="a.png" width="100" height="80">'
            f'<box label="cat" occluded="0" {place} {turned} z_order="0"/></image></annotations>'
        )
        return read_dataset(tmp_path / "in", "cvat")

    plain = boxes('xtl="20" ytl="30" xbr="40" ybr="45"')
    want = plain.labels_of(plain.samples[0]).rows
    for i, place in enumerate(
        ('xtl="40" ytl="45" xbr="20" ybr="30"', 'xtl="40" ytl="30" xbr="20" ybr="45"')
    ):
        data = boxes(place)
        rows = data.labels_of(data.samples[0]).rows
        assert rows.source == want.source
        assert np.array_equal(rows.geometry[0].parts[0], want.geometry[0].parts[0])
        if not turned:
            done = convert(data, tmp_path / f"via{i}", "via")
            assert done.written, done.losses
            texts = [file.read_text() for file in (tmp_path / f"via{i}").rglob("*.json")]
            said = "".join(json.dumps(json.loads(text)) for text in texts)
            assert '"width": 20' in said
            assert '"height": 15' in said
