"""Label files that no split of a data.yaml lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskloom.formats.detect import read_dataset

RING = "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n"


def yolo(root: Path, fields: str, names: list[str]) -> Path:
    for name in names:
        image, label = root / f"images/{name}.png", root / f"labels/{name}.txt"
        for file in (image, label):
            file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(image)
        label.write_text(RING)
    (root / "data.yaml").write_text(f"{fields}names: [a, b]\n")
    return root


@pytest.mark.parametrize("base", ["", "inner"])
def test_labels_outside_the_folders_of_the_splits_are_told(tmp_path, base):
    names = ["train/a", "val/b", "test/e", "extra/d"]
    yolo(tmp_path / base, "train: images/train\nval: images/val\n", names)
    if base:
        fields = (tmp_path / base / "data.yaml").read_text()
        (tmp_path / base / "data.yaml").unlink()
        (tmp_path / "data.yaml").write_text(f"path: {base}\n{fields}")
    found = read_dataset(tmp_path, "yolo")
    assert len(found.samples) == 2
    below = f"{base}/" if base else ""
    told = f"left out, as no split lists it: 2 label files, first {below}labels/extra/d.txt"
    assert told in found.warnings


def test_labels_in_no_list_are_told_and_lists_that_name_all_are_not(tmp_path):
    yolo(tmp_path, "train: train.txt\n", ["a", "d"])
    (tmp_path / "train.txt").write_text("images/a.png\n")
    told = read_dataset(tmp_path, "yolo").warnings
    assert "left out, as no split lists it: 1 label file, first labels/d.txt" in told
    (tmp_path / "train.txt").write_text("images/a.png\nimages/d.png\n")
    assert not any("no split lists" in text for text in read_dataset(tmp_path, "yolo").warnings)
