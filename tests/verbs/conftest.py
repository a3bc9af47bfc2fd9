"""Small data sets on disk, one of each format that can be read, and the bytes of folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.masks import Masks
from maskloom.store.images import write_png

SIZE = (24, 32)


def photo(path: Path, seed: int, size: tuple[int, int] = SIZE) -> None:
    """Noise in colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def blob(seed: int) -> np.ndarray:
    """One object with ragged edges and holes."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(SIZE, bool)
    y, x = rng.integers(0, 12, 2)
    mask[y : y + 9, x : x + 14] = rng.random((9, 14)) < 0.8
    return mask


def coco_source(root: Path) -> Path:
    """Two splits of polygons, runs, crowds, boxes, scores, attributes and unknown fields."""
    categories = [
        {"id": 18, "name": "Dog", "supercategory": "animal", "é": [1.5, None]},
        {"id": 3, "name": "car", "isthing": 0},
    ]
    for split, first in (("train", 0), ("val", 3)):
        images, annotations = [], []
        for i in range(first, first + 3):
            photo(root / "images" / f"{i:03d}.png", i)
            images.append(
                {"id": 100 - i, "file_name": f"{i:03d}.png", "height": SIZE[0], "width": SIZE[1],
                 "license": 4, "date_captured": "2013-11-14"}
            )  # fmt: skip
            own = {"image_id": 100 - i, "iscrowd": 0}
            ring = [1.25, 1.5, 20.13, 2.0, 17.7, 15.9 + i / 7, 3, 12]
            x, y = ring[0::2], ring[1::2]
            wide = [min(x), min(y), max(x) - min(x), max(y) - min(y)]
            annotations += [
                {**own, "id": 1000 + 10 * i, "category_id": 18, "segmentation": [ring],
                 "area": 123.456, "bbox": wide, "score": 0.1 + 0.2, "ours": {"z": 1, "a": "ü"}},
                {**own, "id": 1001 + 10 * i, "category_id": 3, "bbox": [0, 0, 5, 5], "area": 7,
                 "segmentation": Masks.from_dense([blob(i)]).to_coco(0),
                 "attributes": {"wet": True, "note": "<img onerror=alert(1)>"}},
                {**own, "id": 1002 + 10 * i, "category_id": 18, "iscrowd": 1, "area": 9,
                 "segmentation": Masks.from_dense([blob(i + 50)]).to_coco(0, compressed=False),
                 "bbox": [0, 0, 2, 2]},
            ]  # fmt: skip
        annotations = annotations[:-1]
        head = {"info": {"year": 2017, "who": split}, "licenses": [{"id": 4, "name": "CC0"}]}
        whole = {**head, "images": images, "annotations": annotations, "categories": categories}
        file = root / "annotations" / f"instances_{split}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(whole))
    return root


def bitmap_source(root: Path) -> Path:
    """Class maps with a side file: two classes, void, background and splits."""
    for i in range(4):
        photo(root / "images" / f"im{i}.png", i)
        values = np.random.default_rng(i).choice([0, 3, 7, 255], SIZE).astype(np.uint8)
        (root / "masks").mkdir(exist_ok=True)
        write_png(root / "masks" / f"im{i}.png", values)
    side = {
        "kind": "class",
        "masks": "masks",
        "background_id": 0,
        "void_id": 255,
        "categories": [
            {"key": "sky", "name": "Sky", "kind": "stuff", "ids": {"bitmap": 3}},
            {"key": "tree", "name": "Tree", "ids": {"bitmap": 7}, "color": [1, 2, 3]},
        ],
        "splits": {"test": ["im3"], "train": ["im0", "im2"], "val": ["im1"]},
    }
    (root / "taxonomy.json").write_text(json.dumps(side))
    return root


def camvid_source(root: Path) -> Path:
    """Index maps of drives, with list files."""
    for split, frames in (("train", ("0001TP_006690", "0006R0_f00930")), ("val", ("0016E5_1",))):
        lines = []
        for i, frame in enumerate(frames):
            photo(root / split / f"{frame}.png", i)
            values = np.random.default_rng(i).integers(0, 12, SIZE).astype(np.uint8)
            (root / f"{split}annot").mkdir(exist_ok=True)
            write_png(root / f"{split}annot" / f"{frame}.png", values)
            lines.append(f"/SegNet/{split}/{frame}.png /SegNet/{split}annot/{frame}.png\n")
        (root / f"{split}.txt").write_text("".join(lines))
    return root


def objects_source(root: Path) -> Path:
    """One PNG per object; objects overlap."""
    for i in range(3):
        photo(root / "images" / f"cell-{i}.png", i)
        for j in range(4):
            path = root / "masks" / f"cell-{i}" / f"{j}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, blob(10 * i + j))
    return root


SOURCES = {
    "coco": coco_source,
    "bitmap": bitmap_source,
    "camvid": camvid_source,
    "objects": objects_source,
}


def folder_bytes(root: Path) -> dict[str, bytes]:
    """Relative path → bytes of every file below a folder."""
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(params=sorted(SOURCES))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """(format, folder) of a small data set, once for each format."""
    root = tmp_path / "source"
    root.mkdir()
    return request.param, SOURCES[request.param](root)


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """The COCO data set."""
    (tmp_path / "source").mkdir()
    return coco_source(tmp_path / "source")
