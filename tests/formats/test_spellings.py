"""Classes whose names differ in spelling alone stay what files say: through every format."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom import registry
from maskloom.core.category_names import unique_keys
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.core.volumes import stacked
from maskloom.errors import MaskloomError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.rename import renamed
from maskloom.formats.transfer import transfer

from .conftest import write_photo
from .matrix_probes import AFFINE, DEPTH, SIZE, disc

NAMES = ("Car", "car", "traffic_light", "traffic light", "CAR", "人", "车")
WRITTEN = sorted(n for n in registry.FORMATS if load_format(n).written)
SPOTS = [(8, 8), (20, 8), (32, 8), (44, 8), (8, 24), (20, 24), (32, 24)]


def categories(kind, names=NAMES):
    keys = unique_keys(names)
    return Taxonomy(tuple(Category(k, n, kind) for k, n in zip(keys, names, strict=True)))


def spelt(folder, form, *, volume, names=NAMES):
    """One object of each class; `form` is objects, or a class map with or without a ground."""
    masks = Masks.from_dense([disc(x, y, 3) for x, y in SPOTS[: len(names)]])
    taxonomy = categories("thing" if form == "objects" else "stuff", names)
    rows = Rows.make(masks, np.arange(len(names), dtype=np.int32))
    size = SIZE
    if volume:
        columns = {n: getattr(rows, n) for n in Rows.__slots__ if n not in ("masks", "category")}
        columns["plane"] = np.ones(len(names), np.int32)
        rows, size = Rows.make(masks, rows.category, **columns), (DEPTH, *SIZE)
    labels = Labels(size, rows=rows)
    if form == "classes":
        labels = Labels(size, class_map=class_map(labels, taxonomy))
    if form == "ground":
        taxonomy = Taxonomy((*taxonomy, Category("ground", "ground", "stuff")))
        pixels = class_map(labels, taxonomy)
        pixels[pixels > len(names)] = len(names)
        labels = Labels(size, class_map=pixels)
    path = folder / "photos/a.png"
    write_photo(path, SIZE)
    about = ImageRef(None, size, affine=AFFINE, unit="mm") if volume else ImageRef(path, SIZE)
    sample = Sample("a", about, kind="volume" if volume else "image", file_name="a.png")
    return Dataset(taxonomy, (sample,), lambda _: labels)


def named_pixels(data):
    """Name → packed pixels of the only sample."""
    labels = stacked(data.labels_of(data.samples[0]))
    found = {}
    pixels = class_map(labels, data.taxonomy)
    for position, category in enumerate(data.taxonomy):
        if (pixels == position).any():
            found[category.name] = np.packbits(pixels == position).tobytes()
    return found


@pytest.mark.parametrize("name", WRITTEN)
def test_both_spellings_come_back_as_they_were(tmp_path, name):
    fmt = load_format(name)
    seen = []
    for form in ("objects", "ground", "classes"):
        source = spelt(tmp_path / form, form, volume=2 not in fmt.dims)
        target = tmp_path / form / "out"
        try:
            done = transfer(source, target, fmt, options=fmt.WriteOptions())
        except MaskloomError as error:
            seen.append((form, str(error)))
            continue
        seen.append((form, done.losses))
        if not done.written:
            continue
        back = read_dataset(target, name)
        assert named_pixels(back) == named_pixels(source), form
        told = [text for text in back.warnings if "only in spelling" in text]
        assert len(told) == 1, (form, back.warnings)
        return
    raise AssertionError(seen)


def yolo(root):
    """A YOLO folder with an image and a box of each class."""
    for part in ("images", "labels"):
        (root / part / "train").mkdir(parents=True)
    write_photo(root / "images/train/a.png", SIZE)
    lines = [f"{i} 0.{i + 1} 0.1 0.{i + 1} 0.6 0.{i + 2} 0.6" for i in range(len(NAMES))]
    (root / "labels/train/a.txt").write_text("\n".join(lines) + "\n")
    names = "\n".join(f"  {i}: {json.dumps(n)}" for i, n in enumerate(NAMES))
    text = f"train: images/train\nval: images/train\nnc: {len(NAMES)}\nnames:\n{names}\n"
    (root / "data.yaml").write_text(text)
    return read_dataset(root)


def test_numbers_and_count_of_yolo_classes_survive(tmp_path):
    source = yolo(tmp_path / "in")
    fmt = load_format("yolo")
    done = transfer(source, tmp_path / "out", fmt, allow_loss=True)
    assert done.written
    back = read_dataset(tmp_path / "out")
    for data in (source, back):
        assert [c.name for c in data.taxonomy] == list(NAMES)
        assert [dict(c.ids)["yolo"] for c in data.taxonomy] == list(range(len(NAMES)))
        assert data.labels_of(data.samples[0]).rows.category.tolist() == list(range(len(NAMES)))
    assert f"nc: {len(NAMES)}" in (tmp_path / "out/data.yaml").read_text()


def test_the_warning_names_the_classes_and_ends_when_they_are_joined(tmp_path):
    source = yolo(tmp_path)
    (told,) = [text for text in source.warnings if "spelling" in text]
    assert "'Car' and 'car' and 'CAR'" in told
    assert "'traffic_light' and 'traffic light'" in told
    assert "--map Car=car" in told
    joined = renamed(source, ["Car=car", "CAR=car", "traffic_light=traffic light"])
    assert [c.name for c in joined.taxonomy] == ["car", "traffic light", "人", "车"]
    assert not [text for text in joined.warnings if "spelling" in text]
    assert joined.labels_of(joined.samples[0]).rows.category.tolist() == [0, 0, 1, 1, 0, 2, 3]


SAYING_NAMES = (
    "coco", "coco-panoptic", "cvat", "datumaro", "dicom-seg", "geojson", "labelme", "labelstudio",
    "lvis", "supervisely", "via", "voc", "yolo",
)  # fmt: skip


@pytest.mark.parametrize("name", SAYING_NAMES)
def test_files_of_other_tools_keep_both_spellings(tmp_path, name):
    """What other tools write has no taxonomy.json beside it."""
    fmt = load_format(name)
    source = spelt(tmp_path, "objects", volume=2 not in fmt.dims)
    assert transfer(source, tmp_path / "out", fmt, allow_loss=True).written
    for file in (tmp_path / "out").rglob("taxonomy.json"):
        file.unlink()
    back = read_dataset(tmp_path / "out", name)
    assert named_pixels(back) == named_pixels(source)
    assert sum("only in spelling" in text for text in back.warnings) == 1
    again = tmp_path / "again"
    assert transfer(back, again, fmt, allow_loss=True).written
    assert named_pixels(read_dataset(again, name)) == named_pixels(source)


def test_segments_of_slicer_keep_both_spellings(tmp_path):
    volume = spelt(tmp_path, "objects", volume=True)
    assert transfer(volume, tmp_path / "out", load_format("nrrd")).written
    for file in (tmp_path / "out").rglob("taxonomy.json"):
        file.unlink()
    assert [file.name for file in (tmp_path / "out").rglob("*.seg.nrrd")] == ["a.seg.nrrd"]
    assert named_pixels(read_dataset(tmp_path / "out")) == named_pixels(volume)
