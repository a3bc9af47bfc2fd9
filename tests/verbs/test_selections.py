"""Parts of a data set that hold no image, and lists of keys as editors write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskloom.errors import FormatError, UsageError
from maskloom.formats.detect import read_dataset
from maskloom.verbs.convert import convert
from maskloom.verbs.export import export
from maskloom.verbs.init import init


def coco(root: Path, names: list[str], **more: Any) -> Path:
    (root / "JPEGImages").mkdir(parents=True)
    for name in names:
        place = root / name.replace("\\", "/")
        Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(place)
    data = {
        "images": [
            {"id": i, "file_name": name, "width": 30, "height": 20} for i, name in enumerate(names)
        ],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": 1,
                "segmentation": [[2, 2, 8, 2, 8, 8, 2, 8]],
                "iscrowd": 0,
            }
            for i in range(len(names))
        ],
        **more,
    }
    file = root / "labels.json"
    file.write_text(json.dumps(data))
    return file


def test_a_share_to_which_no_image_falls_ends_well_and_writes_nothing(tmp_path: Path) -> None:
    file = coco(tmp_path / "in", ["a.png"])
    done = [convert(file, tmp_path / f"out{i}", to="coco", shard=f"{i}/9") for i in range(1, 10)]
    assert [outcome.exit_code for outcome in done] == [0] * 9
    written = [i for i, outcome in enumerate(done, 1) if outcome.results["written"]]
    assert [(tmp_path / f"out{i}").exists() for i in range(1, 10)] == [
        i in written for i in range(1, 10)
    ]
    assert len(written) == 1
    (other,) = done[written[0] % 9].lines
    assert "share" in other


def test_a_list_without_keys_is_named(tmp_path: Path) -> None:
    file, keys = coco(tmp_path / "in", ["a.png"]), tmp_path / "keys.txt"
    keys.write_text("\n \n")
    with pytest.raises(UsageError, match=r"keys\.txt: the list names no samples"):
        convert(file, tmp_path / "out", to="voc", split=f"@{keys}")
    assert not (tmp_path / "out").exists()


def test_a_key_that_is_not_there_is_told_with_list_and_line(tmp_path: Path) -> None:
    file, keys = coco(tmp_path / "in", ["a.png"]), tmp_path / "keys.txt"
    keys.write_text("a\n\nzebra\n")
    with pytest.raises(UsageError, match=r"keys.txt, line 3: no such sample \(saw 'zebra'\)"):
        convert(file, tmp_path / "out", to="voc", split=f"@{keys}")


def test_a_list_may_begin_with_the_mark_that_editors_write(tmp_path: Path) -> None:
    file, keys = coco(tmp_path / "in", ["a.png", "b.png"]), tmp_path / "keys.txt"
    keys.write_bytes(b"\xef\xbb\xbfb\r\n")
    found = read_dataset(file, "coco", split=f"@{keys}")
    assert [sample.key for sample in found.samples] == ["b"]


def test_a_coco_file_without_images_is_not_called_unknown(tmp_path: Path) -> None:
    file = coco(tmp_path / "in", [])
    with pytest.raises(FormatError, match="there are no images in this coco data set"):
        read_dataset(file)


@pytest.mark.parametrize("to", ["voc", "yolo", "bitmap", "labelme", "geojson", "objects", "via"])
def test_names_of_windows_are_converted(tmp_path: Path, to: str) -> None:
    names = ["JPEGImages\\c.png", "JPEGImages\\d.png"]
    file, target = coco(tmp_path / "in", names), tmp_path / "out"
    outcome = convert(file, target, to=to, allow_loss=True)
    assert outcome.results["written"]
    assert outcome.results["objects"] == 2
    written = {path.stem for path in target.rglob("*") if path.is_file()}
    assert {"c", "d"} <= written
    assert not any("\\" in path.name for path in target.rglob("*"))


def test_coco_keeps_names_of_windows_as_they_were(tmp_path: Path) -> None:
    names = ["JPEGImages\\c.png"]
    file, target = coco(tmp_path / "in", names), tmp_path / "out.json"
    convert(file, target, to="coco")
    assert [one["file_name"] for one in json.loads(target.read_text())["images"]] == names


def test_a_revision_without_its_layer_is_told_how_to_write(tmp_path: Path) -> None:
    init(tmp_path / "p")
    with pytest.raises(UsageError, match=r"Write .*p::main#9|write .*p::main#9"):
        export(Path(f"{tmp_path / 'p'}#9"), tmp_path / "out", to="coco")
    with pytest.raises(FormatError, match=r"rite .*p::main#9"):
        read_dataset(f"{tmp_path / 'p'}#9")


def test_a_layer_without_labels_ends_its_advice(tmp_path: Path) -> None:
    init(tmp_path / "p")
    with pytest.raises(Exception, match=r"Label or import some\.$"):
        export(tmp_path / "p", tmp_path / "out", to="coco")
