"""Groups that a target cannot say, parts beside boxes, polygons outside, and null fields."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from pycocotools import mask as coco_mask

from maskloom.faces.cli import main
from maskloom.formats.detect import read_dataset

from .conftest import write_photo

SIZE = (16, 20)
ONE, TWO = [1, 1, 6, 1, 6, 6, 1, 6], [10, 2, 15, 2, 15, 7, 10, 7]
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def convert(src, dst, to, *more):
    return main(["convert", str(src), str(dst), "--to", to, *more])


def datumaro(root, *annotations):
    write_photo(root / "images/train/a.png", SIZE)
    labels = [{"name": name, "parent": "", "attributes": []} for name in ("cat", "dog")]
    item = {"id": "a", "annotations": annotations, "image": {"path": "a.png", "size": list(SIZE)}}
    data = {"info": {}, "categories": {"label": {"labels": labels}}, "items": [item]}
    (root / "annotations").mkdir()
    (root / "annotations/train.json").write_text(json.dumps(data))
    return root


def polygon(number, points, label=0, group=0):
    return {"id": number, "type": "polygon", "attributes": {}, "group": group, "label_id": label,
            "points": points, "z_order": 0}  # fmt: skip


def box(number, place, label=0):
    return {"id": number, "type": "bbox", "attributes": {}, "group": 0, "label_id": label,
            "bbox": place, "z_order": 0}  # fmt: skip


def coco(root, *annotations):
    write_photo(root / "images/a.png", SIZE)
    data = {
        "images": [{"id": 1, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"image_id": 1, "category_id": 1, **one} for one in annotations],
    }
    (root / "instances.json").write_text(json.dumps(data))
    return root


def written(folder):
    (path,) = folder.rglob("*.json")
    return json.loads(path.read_text())["annotations"]


def test_a_group_of_two_classes_that_a_map_makes_one_is_told(tmp_path, capsys):
    src = datumaro(tmp_path / "src", polygon(1, ONE, 0, 4), polygon(2, TWO, 1, 4))
    assert convert(src, tmp_path / "both", "datumaro") == 0
    assert "fields" not in capsys.readouterr().out
    assert convert(src, tmp_path / "map", "datumaro", "--map", "dog=cat") == 0
    told = capsys.readouterr().out
    assert "fields" in told
    assert "group" in told
    data = json.loads((tmp_path / "map/annotations/train.json").read_text())
    assert [one["group"] for one in data["items"][0]["annotations"]] == [4, 0]


def test_cvat_tells_such_a_group_too(tmp_path, capsys):
    shape = '<polygon label="{}" occluded="0" points="{}" z_order="0" group_id="1"/>'
    texts = [";".join(f"{x},{y}" for x, y in zip(p[::2], p[1::2], strict=True)) for p in (ONE, TWO)]
    (tmp_path / "src/images").mkdir(parents=True)
    write_photo(tmp_path / "src/images/a.png", SIZE)
    (tmp_path / "src/annotations.xml").write_text(
        '<annotations><version>1.1</version><image id="0" name="a.png" width="20" height="16">'
        f"{shape.format('cat', texts[0])}{shape.format('dog', texts[1])}</image></annotations>"
    )
    assert convert(tmp_path / "src", tmp_path / "both", "cvat") == 0
    assert "group_id" not in capsys.readouterr().out
    assert convert(tmp_path / "src", tmp_path / "map", "cvat", "--map", "dog=cat") == 0
    assert "group_id" in capsys.readouterr().out
    root = ElementTree.parse(tmp_path / "map/annotations.xml").getroot()
    assert [one.get("group_id") for one in root.iter("polygon")] == ["1", None]


@pytest.mark.parametrize("fmt", ["coco", "lvis"])
def test_parts_are_one_annotation_beside_a_box_too(tmp_path, fmt):
    src = datumaro(
        tmp_path / "src", polygon(1, ONE, 0, 3), polygon(2, TWO, 0, 3), box(9, [2, 9, 4, 4], 1)
    )
    assert convert(src, tmp_path / "out", fmt) == 1
    assert convert(src, tmp_path / "out", fmt, "--allow-loss") == 0
    listed = written(tmp_path / "out")
    assert sorted(one["area"] for one in listed) == [16, 50]
    rings = next(one["segmentation"] for one in listed if one["area"] == 50)
    runs = coco_mask.merge(coco_mask.frPyObjects(rings, *SIZE))
    assert int(coco_mask.area(runs)) == 50


def test_a_polygon_outside_of_the_image_keeps_its_vertices(tmp_path, capsys):
    ring = [30, 2, 38, 2, 38, 8, 30, 8]
    said = {"id": 1, "iscrowd": 0, "area": 48, "bbox": [30, 2, 8, 6], "segmentation": [ring]}
    src = coco(tmp_path / "src", said)
    assert not coco_mask.decode(coco_mask.frPyObjects([ring], *SIZE)[0]).any()
    assert convert(src, tmp_path / "out", "coco") == 0
    assert "vertices" not in capsys.readouterr().out
    (one,) = written(tmp_path / "out")
    assert one["segmentation"] == [ring]
    assert (one["area"], one["bbox"]) == (48, [30, 2, 8, 6])


def test_null_scores_and_empty_attributes_stay(tmp_path):
    said = {"id": 1, "iscrowd": 0, "area": 25, "bbox": [1, 1, 5, 5], "segmentation": [ONE]}
    said |= {"score": None, "attributes": {}}
    src = coco(tmp_path / "src", said, {**said, "id": 2, "score": 0.5, "attributes": {"k": 1}})
    assert convert(src, tmp_path / "out", "coco") == 0
    first, second = written(tmp_path / "out")
    assert (first["score"], first["attributes"]) == (None, {})
    assert (second["score"], second["attributes"]) == (0.5, {"k": 1})
    for fmt in ("labelme", "supervisely", "labelstudio", "datumaro", "cvat", "via", "lvis"):
        assert convert(src, tmp_path / fmt, fmt, "--allow-loss") == 0
        rows = read_dataset(tmp_path / fmt)
        labels = rows.labels_of(rows.samples[0])
        assert labels.rows.masks.areas.tolist() == [25, 25]
