"""What exported files say, read by PIL, numpy and pycocotools alone, against what a page shows.

A page's document comes as the JSON that it holds; its runs are decoded here by a reader of its
own, so that nothing of maskloom stands between the page's pixels and those of the files.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
from PIL import Image

TILE = 256


def runs_of(data: bytes) -> list[int]:
    """The counts of a tile: little-endian groups of seven bits."""
    counts, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            counts.append(value)
            value = shift = 0
    return counts


def mask_of(item, size) -> np.ndarray:
    """The pixels of one object of a page's document."""
    out = np.zeros((-(-size[0] // TILE) * TILE, -(-size[1] // TILE) * TILE), bool)
    for key, text in item["tiles"].items():
        column, row = (int(v) for v in key.split(","))
        counts = runs_of(base64.b64decode(text))
        flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        tile = flat.reshape(TILE, TILE).T
        out[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] = tile
    assert not out[size[0] :].any(), "a page has pixels below the image"
    assert not out[:, size[1] :].any(), "a page has pixels right of the image"
    return out[: size[0], : size[1]]


def objects_of(document) -> list[tuple[str, bytes]]:
    """(category, packed pixels) of every object that has a pixel, sorted."""
    masks = ((one["category"], mask_of(one, document["size"])) for one in document["objects"])
    return sorted((category, np.packbits(mask).tobytes()) for category, mask in masks)


def read_objects(folder: Path, key: str) -> list[tuple[str, bytes]]:
    """The same from one PNG per object, whose name may end in _CATEGORY."""
    only = [one["key"] for one in side_file(folder)["categories"]]
    out = []
    for file in sorted((folder / "masks" / key).glob("*.png")):
        _, _, category = file.stem.partition("_")
        mask = np.asarray(Image.open(file)) > 0
        out.append((category or only[0], np.packbits(mask).tobytes()))
    return sorted(out)


def side_file(folder: Path):
    """The `taxonomy.json` beside exported files."""
    return json.loads((folder / "taxonomy.json").read_text(encoding="utf-8"))


def read_map(folder: Path, key: str) -> np.ndarray:
    """An exported PNG map."""
    return np.asarray(Image.open(folder / "masks" / f"{key}.png"))


def map_of(document, side) -> np.ndarray:
    """What a map of a page's document has to be: objects painted back to front, void over all."""
    void = {one["key"] for one in side["categories"] if one.get("void")}
    numbers = {one["key"]: one["ids"]["bitmap"] for one in side["categories"]}
    out = np.full(document["size"], side["background_id"], np.int64)
    for one in back_to_front(document):
        number = side["void_id"] if one["category"] in void else numbers[one["category"]]
        out[mask_of(one, document["size"])] = number
    return out


def back_to_front(document) -> list:
    """Objects by depth; at one depth those of the import first, then new ones as they came."""
    born = {uid: i for i, uid in enumerate(document["created"])}

    def place(one):
        row = one["row"]
        return one["z"], row is None, born.get(one["id"], 0) if row is None else row

    return sorted(document["objects"], key=place)


def read_coco(file: Path):
    """(key of an image → its objects as in `objects_of`, key → category → union of its pixels)."""
    from pycocotools import mask as coco_mask

    data = json.loads(file.read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in data["categories"]}
    images = {one["id"]: one for one in data["images"]}
    objects = {Path(one["file_name"]).stem: [] for one in data["images"]}
    unions = {key: {} for key in objects}
    for one in data["annotations"]:
        image = images[one["image_id"]]
        key = Path(image["file_name"]).stem
        mask = coco_mask.decode(one["segmentation"]).astype(bool)
        assert mask.shape == (image["height"], image["width"])
        name = names[one["category_id"]]
        objects[key].append((name, np.packbits(mask).tobytes()))
        unions[key][name] = unions[key].get(name, np.zeros(mask.shape, bool)) | mask
    return {key: sorted(found) for key, found in objects.items()}, unions


def same_files(a: Path, b: Path, keys) -> list[str]:
    """Keys whose exported masks, PNG maps or folders of PNGs, are not the same bytes."""
    return [key for key in keys if _bytes(a / "masks", key) != _bytes(b / "masks", key)]


def _bytes(folder: Path, key: str) -> dict[str, bytes]:
    single = folder / f"{key}.png"
    files = [single] if single.is_file() else sorted((folder / key).glob("*.png"))
    assert files or (folder / key).is_dir(), f"{key} was not exported"
    return {file.name: file.read_bytes() for file in files}
