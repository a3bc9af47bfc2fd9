from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco

from maskloom.core.masks import Masks
from maskloom.errors import FormatError, UsageError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer

from . import tool_torture as torture
from .conftest import write_photo

# pycocotools copies by an older rule of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SIZE = torture.SIZE
IMAGE = {"image_id": 3, "width": SIZE[1], "height": SIZE[0], "file_name": "sa_3.jpg"}


def entry(mask, number, **more):
    runs = Masks.from_dense(mask).to_coco(0)
    facts = {"predicted_iou": 0.9, "stability_score": 0.95, "crop_box": [0, 0, 5, 4]}
    return {"id": number, "segmentation": runs, "area": 3, "bbox": [0, 0, 1, 1], **facts, **more}


def put(folder, *entries, name="sa_3.json", image=None):
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / name
    path.write_text(json.dumps({"image": image or IMAGE, "annotations": list(entries)}))
    return folder


def rows_of(folder, **options):
    data = read_dataset(folder, "sa1b", **options)
    return data.labels_of(data.samples[0]).rows


def test_masks_and_what_the_model_said_of_them_are_read(tmp_path):
    write_photo(tmp_path / "d/sa_3.jpg", SIZE)
    shapes = list(torture.shapes().values())
    listed = [entry(mask, 100 - i, point_coords=[[i, 2.5]]) for i, mask in enumerate(shapes)]
    put(tmp_path / "d", *listed)
    assert detect_format(tmp_path / "d").name == "sa1b"
    data = read_dataset(tmp_path / "d", settings=["category=thing"])
    assert [c.name for c in data.taxonomy] == ["thing"]
    assert data.samples[0].image.path == tmp_path / "d/sa_3.jpg"
    rows = data.labels_of(data.samples[0]).rows
    for one, mask in zip(listed, rows.masks.decode(), strict=True):
        np.testing.assert_array_equal(coco.decode(one["segmentation"]), mask)
    assert rows.instance.tolist() == [100 - i for i in range(len(shapes))]
    assert rows.attributes[1] == {
        "predicted_iou": 0.9, "stability_score": 0.95, "crop_box": [0, 0, 5, 4],
        "point_coords": [[1, 2.5]],
    }  # fmt: skip
    assert rows.source[0] == {"id": 100, "area": 3, "bbox": [0, 0, 1, 1]}


def test_coco_holds_all_of_it(tmp_path):
    put(tmp_path / "d", *(entry(m, i + 1) for i, m in enumerate(torture.shapes().values())))
    data = read_dataset(tmp_path / "d")
    done = transfer(data, tmp_path / "c", load_format("coco"))
    assert (done.written, done.losses, done.exact_objects) == (True, (), 12)
    saved = json.loads((tmp_path / "c/annotations/instances.json").read_text())
    assert saved["annotations"][0]["attributes"]["stability_score"] == 0.95
    assert detect_format(tmp_path / "c").name == "coco"


def test_it_is_not_written(tmp_path):
    data = read_dataset(put(tmp_path / "d", entry(np.eye(*SIZE, dtype=bool), 1)))
    with pytest.raises(UsageError, match="sa1b is only read"):
        transfer(data, tmp_path / "out", load_format("sa1b"))


def test_folders_of_splits_are_splits_and_empty_images_are_images(tmp_path):
    put(tmp_path / "d/train", entry(np.eye(*SIZE, dtype=bool), 1), name="sa_1.json")
    put(tmp_path / "d/val", name="sa_1.json", image={**IMAGE, "file_name": "sa_1.jpg"})
    data = read_dataset(tmp_path / "d", "sa1b")
    assert data.splits == {"train": ("train/sa_1",), "val": ("val/sa_1",)}
    assert [len(labels.rows) for _, labels in data] == [1, 0]


GOOD = entry(np.eye(*SIZE, dtype=bool), 1)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (
            GOOD | {"id": 2, "segmentation": {**GOOD["segmentation"], "size": [1, 1]}},
            "another size",
        ),
        (
            GOOD | {"id": 2, "segmentation": {**GOOD["segmentation"], "counts": "~"}},
            "not COCO runs",
        ),
        (
            GOOD | {"id": 2, "segmentation": {**GOOD["segmentation"], "size": [SIZE[1], SIZE[0]]}},
            "another size",
        ),
        (GOOD | {"id": 2, "segmentation": [[1, 2, 3, 4, 5, 6]]}, "a mask without runs"),
        (GOOD | {"id": 2, "predicted_iou": "high"}, "predicted_iou: not a finite number"),
        (GOOD | {"id": "x"}, "id is a whole number"),
        (3, "a JSON object"),
    ],
)
def test_a_bad_annotation_is_one_error_or_left_out(tmp_path, bad, said):
    put(tmp_path / "d", GOOD, bad)
    with pytest.raises(FormatError, match=said) as caught:
        rows_of(tmp_path / "d")
    assert "sa_3.json" in str(caught.value)
    assert len(rows_of(tmp_path / "d", skip_bad=True)) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"image": IMAGE, "annotations": [GOOD, GOOD]}, "share an id"),
        ({"image": {**IMAGE, "width": 2**40}, "annotations": [GOOD]}, "positive whole numbers"),
        ({"image": {**IMAGE, "height": None}, "annotations": [GOOD]}, "positive whole numbers"),
        ({"image": 3, "annotations": []}, 'no "image"'),
        ([], 'no "image"'),
    ],
)
def test_a_bad_file_is_one_error(tmp_path, data, said):
    (tmp_path / "x.json").write_text(json.dumps(data))
    with pytest.raises(FormatError, match=said):
        read_dataset(tmp_path / "x.json", "sa1b")


def test_a_cut_file_is_one_error_and_names_lead_nowhere(tmp_path):
    write_photo(tmp_path / "secret.jpg", SIZE)
    put(tmp_path / "d", GOOD, image={**IMAGE, "file_name": "../secret.jpg"})
    assert read_dataset(tmp_path / "d").samples[0].image.path is None
    path = tmp_path / "d/sa_3.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FormatError, match="not valid JSON"):
        read_dataset(tmp_path / "d", "sa1b")


@pytest.mark.shared
def test_the_set_of_datumaro_is_read(shared):
    """Its second file has runs for 10 × 5 px in an image of 5 × 10, but not one pixel in them."""
    path = shared / "conformance/datumaro/segment_anything_dataset"
    assert detect_format(path).name == "sa1b"
    data = read_dataset(path)
    assert all(sample.image.path is not None for sample in data.samples)
    found = [labels for _, labels in data]
    wanted = np.zeros((5, 10), bool)
    wanted[1:5, 3] = True
    np.testing.assert_array_equal(found[0].rows.masks.dense(0), wanted)
    assert found[0].rows.attributes[0]["stability_score"] == 0.47182999738062237
    assert (found[1].size, found[1].rows.masks.areas.tolist()) == ((10, 5), [0])
