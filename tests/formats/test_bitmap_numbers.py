"""Which numbers classes get in maps: those that they came with, unless a map cannot hold them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.store.png_files import GREY, png

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, codes
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import read_map


def written(target: Path, ids: list[int | None]) -> tuple[list[int], tuple[str, ...]]:
    """The numbers of a map in which every class has a pixel, and the warnings."""
    classes = [
        Category(f"c{i}", f"c{i}", "stuff", ids=() if own is None else (("bitmap", own),))
        for i, own in enumerate(ids)
    ]
    pixels = np.arange(len(ids), dtype=np.uint8)[None]
    data = Dataset(
        Taxonomy(tuple(classes)),
        (Sample("a", ImageRef(None)),),
        lambda _: Labels((1, len(ids)), class_map=pixels),
    )
    fmt = load_format("bitmap")
    done = transfer(data, target, fmt, options=fmt.WriteOptions(images="none"))
    assert done.written
    assert done.changed_pixels == 0
    return read_map(target / "masks/a.png")[0].tolist(), done.warnings


def test_one_id_that_no_map_holds_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    values, warnings = written(tmp_path / "out", [0, 7, 300, 40000, 70000, -1])
    assert values == [0, 7, 300, 40000, 1, 2]
    (warning,) = warnings
    assert "c4 70000 → 1, c5 -1 → 2" in warning


def test_of_two_classes_with_one_id_the_first_keeps_it(tmp_path: Path) -> None:
    values, warnings = written(tmp_path / "out", [5, 5, 1])
    assert values == [5, 0, 1]
    assert "c1 5 → 0" in warnings[0]


def test_classes_without_an_id_take_what_is_free_and_nobody_is_warned(tmp_path: Path) -> None:
    values, warnings = written(tmp_path / "out", [None, 0, None, 2])
    assert values == [1, 0, 3, 2]
    assert warnings == ()


def maps(folder: Path, **files: np.ndarray) -> Path:
    """Maps written by Pillow."""
    folder.mkdir()
    for name, values in files.items():
        Image.fromarray(values).save(folder / f"{name}.png")
    return folder


def classes_of(folder: Path, *settings: str) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """The names of the classes of every pixel, "void" of void."""
    data = read_dataset(folder, "bitmap", settings=list(settings))
    names = {}
    for sample, labels in data:
        void = codes(labels.class_map.dtype)[0]
        found = labels.class_map.ravel().tolist()
        names[sample.key] = ["void" if v == void else data.taxonomy[v].name for v in found]
    return names, data.warnings


SHALLOW, DEEP = np.array([[0, 1, 255]], np.uint8), np.array([[0, 300, 65535]], np.uint16)


def test_one_map_of_16_bit_does_not_make_a_class_of_255_in_maps_of_8_bit(tmp_path: Path) -> None:
    named, warnings = classes_of(maps(tmp_path / "both", a=SHALLOW, b=DEEP))
    assert named == {"a": ["0", "1", "void"], "b": ["0", "300", "void"]}
    said = "255 in maps of 8 bit and 65535 in maps of 16 bit for void"
    assert any("3 numbers from 0 to 300" in w and said in w for w in warnings)
    named, warnings = classes_of(maps(tmp_path / "one", a=SHALLOW))
    assert named == {"a": ["0", "1", "void"]}
    assert any("and 255 for void, which is not counted" in w for w in warnings)


def test_a_set_of_both_depths_comes_back_with_the_same_void(tmp_path: Path) -> None:
    data = read_dataset(maps(tmp_path / "src", a=SHALLOW, b=DEEP), "bitmap")
    assert transfer(data, tmp_path / "out", load_format("bitmap")).written
    told = json.loads((tmp_path / "out/taxonomy.json").read_text())
    assert sorted(c["ids"]["bitmap"] for c in told["categories"]) == [0, 1, 300]
    with Image.open(tmp_path / "out/masks/a.png") as back:
        assert np.asarray(back).tolist() == [[0, 1, told["void_id"]]]


def test_where_255_is_void_and_a_class_by_depth_the_user_must_say_which(tmp_path: Path) -> None:
    deep = np.array([[0, 255, 300]], np.uint16)
    folder = maps(tmp_path / "both", a=SHALLOW, b=deep)
    with pytest.raises(FormatError, match="void in maps of 8 bit and a class in those of 16") as e:
        read_dataset(folder, "bitmap")
    assert "void=255" in e.value.hint
    assert "void=65535" in e.value.hint
    assert classes_of(folder, "void=255")[0] == {"a": ["0", "1", "void"], "b": ["0", "void", "300"]}
    assert classes_of(folder, "void=65535")[0]["a"] == ["0", "1", "255"]


def test_maps_packed_into_4_bit_among_others_of_8_are_told(tmp_path: Path) -> None:
    folder = maps(tmp_path / "both", a=SHALLOW)
    png(folder / "b.png", np.array([[0, 2, 15]]), 4, GREY)
    named, warnings = classes_of(folder)
    assert named["b"] == ["0", "2", "15"]
    assert any("1 maps are PNG of 2 or 4 bit among others of 8, first b.png" in w for w in warnings)
    (folder / "a.png").unlink()
    assert not any("2 or 4 bit" in w for w in classes_of(folder)[1])
