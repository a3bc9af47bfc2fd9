"""Data sets of one image with boxes and other drawings, as COCO and CVAT write them."""

from __future__ import annotations

import json

from maskloom.formats.detect import read_dataset

from .conftest import write_photo

SIZE = (40, 60)


def coco(folder, boxes, **fields):
    write_photo(folder / "images/a.png", SIZE)
    listed = [
        {"id": n, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [], "bbox": box,
         "area": box[2] * box[3]} | fields
        for n, box in enumerate(boxes, 1)
    ]  # fmt: skip
    data = {
        "images": [{"id": 1, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": listed,
    }
    (folder / "instances.json").write_text(json.dumps(data))
    return read_dataset(folder)


def cvat(folder, *shapes):
    write_photo(folder / "images/a.png", SIZE)
    labels = "".join(
        f"<label><name>{name}</name><attributes></attributes></label>" for name in ("car", "dog")
    )
    (folder / "annotations.xml").write_text(
        "<?xml version='1.0' encoding='utf-8'?><annotations><version>1.1</version><meta><task>"
        f"<labels>{labels}</labels></task></meta>"
        f'<image id="0" name="a.png" width="60" height="40">{"".join(shapes)}</image></annotations>'
    )
    return read_dataset(folder)


def shape(tag, place, *, label="car", z=0, more=""):
    said = " ".join(f'{name}="{value}"' for name, value in place.items())
    return f'<{tag} label="{label}" occluded="0" {said} z_order="{z}"{more}></{tag}>'
