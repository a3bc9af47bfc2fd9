"""CWFID: outlines of plants in YAML."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from PIL import Image

from maskloom.errors import FormatError, UsageError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import write_photo

SIZE = (40, 50)
PLANTS = (
    {"type": "weed", "points": {"x": [2.0, 20.0, 20.0, 2.0], "y": [3.0, 3.0, 9.0, 9.0]}},
    {"type": "crop", "points": {"x": [30.5, 45.0, 30.5], "y": [10.0, 10.0, 35.0]}},
)


def put(root, plants=PLANTS, key="001", name=None, **more):
    write_photo(root / f"images/{key}_image.png", SIZE)
    told = {"filename": name or f"{key}_image.png", "annotation": list(plants), **more}
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / f"annotations/{key}_annotation.yaml").write_text(yaml.safe_dump(told))
    return root


def test_outlines_are_objects_of_their_type(tmp_path):
    put(put(tmp_path), PLANTS[1:], "002")
    assert detect_format(tmp_path).name == "cwfid"
    data = read_dataset(tmp_path)
    assert [s.key for s in data.samples] == ["001", "002"]
    labels = data.labels_of(data.samples[0])
    assert [data.taxonomy[c].name for c in labels.rows.category.tolist()] == ["weed", "crop"]
    assert labels.size == SIZE
    weed = np.zeros(SIZE, bool)
    weed[3:9, 2:20] = True
    assert np.array_equal(labels.rows.masks.dense(0), weed)
    assert labels.rows.geometry[1].parts[0].tolist() == [[30.5, 10], [45, 10], [30.5, 35]]
    assert data.samples[0].image.path.name == "001_image.png"
    assert labels.coverage.full


def test_it_becomes_coco_and_is_never_written(tmp_path):
    data = read_dataset(put(tmp_path / "src"))
    done = transfer(data, tmp_path / "a.json", load_format("coco"))
    assert (done.written, done.changed_pixels, done.exact_objects) == (True, 0, 2)
    with pytest.raises(UsageError, match="only read"):
        transfer(data, tmp_path / "b", load_format("cwfid"))


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (7, "without a type"),
        ({"points": {"x": [1, 2, 3], "y": [1, 2, 1]}}, "without a type"),
        ({"type": "crop"}, "lists x and y of one length"),
        ({"type": "crop", "points": {"x": [1, 2, 3], "y": [1, 2]}}, "of one length"),
        ({"type": "crop", "points": {"x": 1.0, "y": 2.0}}, "of one length"),
        ({"type": "crop", "points": {"x": [1, 2], "y": [1, 2]}}, "fewer than 3"),
        ({"type": "crop", "points": {"x": [1, 2, "z"], "y": [1, 2, 3]}}, "numbers"),
        ({"type": "crop", "points": {"x": [1, 2, float("nan")], "y": [1, 2, 3]}}, "not finite"),
    ],
)
def test_bad_plants_are_named_or_left_out(tmp_path, bad, told):
    put(tmp_path, [*PLANTS, bad])
    data = read_dataset(tmp_path)
    with pytest.raises(FormatError, match=told) as error:
        data.labels_of(data.samples[0])
    assert "annotation[2]" in error.value.message
    data = read_dataset(tmp_path, skip_bad=True)
    assert len(data.labels_of(data.samples[0]).rows) == 2


def test_a_file_without_annotations_is_one_error(tmp_path):
    put(tmp_path, annotation="none")
    with pytest.raises(FormatError, match="no labels of a known format"):
        read_dataset(tmp_path)
    with pytest.raises(FormatError, match='list "annotation"'):
        read_dataset(tmp_path, "cwfid")


def test_names_that_lead_out_are_not_followed(tmp_path):
    put(tmp_path / "in", name="../../secret.png")
    write_photo(tmp_path / "secret.png", SIZE)
    data = read_dataset(tmp_path / "in")
    assert data.samples[0].image.path is None


@pytest.mark.shared
def test_the_outlines_hold_the_published_pixels(shared):
    root = shared / "cwfid"
    assert detect_format(root).name == "cwfid"
    data = read_dataset(root)
    labels = data.labels_of(data.samples[0])
    colors = np.asarray(Image.open(root / "annotations/001_annotation.png").convert("RGB"))
    plants = ~np.asarray(Image.open(root / "masks/001_mask.png"))
    for name, color in (("weed", (255, 0, 0)), ("crop", (0, 255, 0))):
        rows = labels.rows.take(labels.rows.category == data.taxonomy.find(name))
        outlined = rows.masks.merge().dense(0)
        shown = (colors == color).all(-1)
        # Along edges the tool that made the picture counts single pixels otherwise.
        assert np.count_nonzero(shown & ~outlined) <= 175
        assert np.count_nonzero(outlined & plants & ~shown) <= 283
    assert len(labels.rows) == 17
