from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from maskloom.core.labels import BACKGROUND, VOID, Labels
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError, ImageError, UsageError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import write_png

from .conftest import dataset_of, write_photo


def save(path, values, dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, np.array(values, dtype))


def first(path, **options):
    data = read_dataset(path, "bitmap", **options)
    return data, data.labels_of(data.samples[0])


def test_values_0_and_255_alone_are_background_and_foreground(tmp_path):
    save(tmp_path / "a.png", [[0, 255], [0, 0]])
    save(tmp_path / "b.png", [[0, 0], [0, 0]])
    data, labels = first(tmp_path)
    assert data.taxonomy.keys == ("foreground",)
    assert labels.class_map.tolist() == [[BACKGROUND, 0], [BACKGROUND, BACKGROUND]]


def test_otherwise_every_id_is_a_class_and_255_is_void(tmp_path):
    save(tmp_path / "a.png", [[0, 255], [7, 0]])
    data, labels = first(tmp_path)
    assert data.taxonomy.keys == ("0", "7")
    assert labels.class_map.tolist() == [[0, VOID], [1, 0]]


def test_in_16_bit_65535_is_void_and_255_a_class(tmp_path):
    save(tmp_path / "a.png", [[0, 255], [65535, 300]], np.uint16)
    data, labels = first(tmp_path)
    assert data.taxonomy.keys == ("0", "255", "300")
    assert labels.class_map.tolist() == [[0, 1], [VOID, 2]]


def test_the_void_option_names_another_id(tmp_path):
    save(tmp_path / "a.png", [[0, 11], [1, 0]])
    _, labels = first(tmp_path, settings=["void=11"])
    assert labels.class_map.tolist() == [[0, VOID], [1, 0]]


def test_a_taxonomy_gives_names_and_refuses_what_it_does_not_know(tmp_path):
    save(tmp_path / "maps/a.png", [[0, 11], [1, 5]])
    table = tmp_path / "t.json"
    table.write_text(
        json.dumps(
            {"categories": [{"id": 0, "name": "sky"}, {"id": 1, "name": "road"}], "void": 11}
        )
    )
    data = read_dataset(tmp_path / "maps", settings=[f"taxonomy={table}"])
    assert [c.name for c in data.taxonomy] == ["sky", "road", "void"]
    with pytest.raises(FormatError, match=r"a\.png: a class id .* x=1, y=1 \(saw 5\)"):
        data.labels_of(data.samples[0])
    save(tmp_path / "maps/a.png", [[0, 11], [1, 255]])
    assert data.labels_of(data.samples[0]).class_map.tolist() == [[0, VOID], [1, VOID]]


NUMBERED = {"categories": [{"id": i, "name": f"class {i}"} for i in (0, 255, 300)]}


def told(folder, dtype, *settings, void=None, values=(0, 255, 300, 65535)):
    """Codes of a map of these values under a taxonomy that lists 0, 255 and 300."""
    known = [v for v in values if v <= np.iinfo(dtype).max]
    save(folder / "maps/a.png", [known], dtype)
    table = folder / "t.json"
    table.write_text(json.dumps(NUMBERED if void is None else {**NUMBERED, "void": void}))
    _, labels = first(folder / "maps", settings=[f"taxonomy={table}", *settings])
    return labels.class_map.tolist()[0]


def test_with_a_taxonomy_only_the_void_of_the_depth_is_void(tmp_path):
    assert told(tmp_path, np.uint16) == [0, 1, 2, VOID]
    assert told(tmp_path, np.uint8) == [0, 1]
    assert told(tmp_path, np.uint16, "void=65535") == [0, 1, 2, VOID]
    assert told(tmp_path, np.uint16, "void=255") == [0, VOID, 2, VOID]
    assert told(tmp_path, np.uint16, void=65535) == [0, 1, 2, VOID]
    assert told(tmp_path, np.uint16, void=300) == [0, 1, VOID, VOID]
    assert told(tmp_path, np.uint8, void=255) == [0, VOID]


def test_in_16_bit_an_unlisted_255_is_refused_and_in_8_bit_it_is_void(tmp_path):
    table = tmp_path / "t.json"
    table.write_text('{"categories": [{"id": 0, "name": "sky"}]}')
    save(tmp_path / "deep/a.png", [[0, 255]], np.uint16)
    with pytest.raises(FormatError, match=r"x=1, y=0 \(saw 255\)"):
        first(tmp_path / "deep", settings=[f"taxonomy={table}"])
    save(tmp_path / "flat/a.png", [[0, 255]])
    _, labels = first(tmp_path / "flat", settings=[f"taxonomy={table}"])
    assert labels.class_map.tolist() == [[0, VOID]]


def test_class_255_of_many_is_written_and_read_in_16_bit(tmp_path):
    pixels = np.array([[0, 254, 255, 299, 65535]], np.uint16)
    source = dataset_of(
        Taxonomy.from_names([f"c{i}" for i in range(300)]),
        {"a": Labels((1, 5), class_map=pixels)},
        tmp_path / "photos",
    )
    fmt = load_format("bitmap")
    assert transfer(source, tmp_path / "out", fmt, options=fmt.WriteOptions()).written
    _, labels = first(tmp_path / "out")
    assert labels.class_map.tolist() == pixels.tolist()


def test_object_ids_become_rows_of_one_category(tmp_path):
    save(tmp_path / "a.png", [[0, 3], [300, 3]], np.uint16)
    data, labels = first(tmp_path, settings=["kind=instance", "category=cell"])
    assert data.taxonomy.keys == ("cell",)
    assert labels.rows.instance.tolist() == [3, 300]
    assert labels.rows.masks.areas.tolist() == [2, 1]


def test_palette_indexes_are_ids_and_not_colours(tmp_path):
    palette = np.zeros((256, 3), np.uint8)
    palette[1] = (128, 0, 0)
    (tmp_path / "m").mkdir()
    write_png(tmp_path / "m/a.png", np.array([[0, 1], [15, 1]], np.uint8), palette=palette)
    data, labels = first(tmp_path / "m")
    assert data.taxonomy.keys == ("0", "1", "15")
    assert labels.class_map.tolist() == [[0, 1], [2, 1]]


def test_colours_need_a_table_and_name_what_it_lacks(tmp_path):
    save(tmp_path / "m/a.png", [[[1, 2, 3], [0, 0, 0]]])
    with pytest.raises(FormatError, match="colour table"):
        first(tmp_path / "m")
    table = tmp_path / "c.txt"
    table.write_text("1 2 3 a thing\n0 0 0 Void\n")
    _, labels = first(tmp_path / "m", settings=[f"colors={table}"])
    assert labels.class_map.tolist() == [[0, VOID]]
    table.write_text("0 0 0 Void\n")
    with pytest.raises(FormatError, match=r"x=0, y=0 \(saw \(1, 2, 3\)\)"):
        first(tmp_path / "m", settings=[f"colors={table}"])


@pytest.mark.parametrize(
    ("images", "masks", "suffix"),
    [("images", "masks", ""), ("JPEGImages", "labels", ""), ("PNGImages", "PedMasks", "_mask")],
)
def test_image_and_mask_folders_and_suffixes_are_found(tmp_path, images, masks, suffix):
    for name in ("a", "sub/b"):
        write_photo(tmp_path / images / f"{name}.png", (2, 2))
        save(tmp_path / masks / f"{name}{suffix}.png", [[0, 1], [2, 2]])
    data = read_dataset(tmp_path)
    assert [s.key for s in data.samples] == ["a", "sub/b"]
    assert all(s.image.path is not None for s in data.samples)


def test_split_folders_are_splits(tmp_path):
    for split in ("train", "val"):
        write_photo(tmp_path / split / "images/x.png", (2, 2))
        save(tmp_path / split / "masks/x.png", [[0, 1], [2, 2]])
    data = read_dataset(tmp_path)
    assert data.splits == {"train": ("train/x",), "val": ("val/x",)}


def test_absent_images_and_labels_are_counted(tmp_path):
    write_photo(tmp_path / "images/a.png", (2, 2))
    write_photo(tmp_path / "images/c.png", (2, 2))
    for name in ("a", "b"):
        save(tmp_path / f"masks/{name}.png", [[0, 1], [2, 2]])
    data = read_dataset(tmp_path)
    assert [s.key for s in data.samples] == ["a", "b"]
    assert data.warnings[-2:] == (
        "1 of 2 images are missing, first 'b'",
        "1 images have no labels and are left out",
    )


def test_a_mask_of_another_size_than_its_image_is_refused(tmp_path):
    write_photo(tmp_path / "images/a.png", (4, 5))
    save(tmp_path / "masks/a.png", np.zeros((4, 6)))
    with pytest.raises(FormatError, match=r"a\.png: the mask is 6 × 4 px, its image 5 × 4 px"):
        first(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "empty", "huge"])
def test_a_damaged_map_is_one_error_that_names_it(tmp_path, damage):
    path = tmp_path / "a.png"
    save(path, np.random.default_rng(0).integers(0, 9, (64, 64)))
    data = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        import struct
        import zlib

        head = b"IHDR" + struct.pack(">II", 60000, 60000) + data[24:29]
        path.write_bytes(data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:])
    with pytest.raises(ImageError, match=r"a\.png"):
        first(tmp_path)


def test_groups_come_from_an_expression_on_the_key(tmp_path):
    for name in ("p1_a", "p1_b", "p2_a"):
        save(tmp_path / f"{name}.png", [[0, 1]])
    data = read_dataset(tmp_path, settings=["group=^([^_]+)_"])
    assert [s.group for s in data.samples] == ["p1", "p1", "p2"]
    with pytest.raises(UsageError, match="matches no part"):
        read_dataset(tmp_path, settings=["group=^(x)"])


@pytest.mark.shared
def test_penn_fudan_is_read_with_143_people(shared):
    data = read_dataset(shared / "pennfudan", settings=["kind=instance", "suffix=_mask"])
    assert len(data) == 56
    assert sum(len(labels.rows) for _, labels in data) == 143
    assert data.warnings == ()


def test_where_only_the_images_are_named_the_maps_are_found(tmp_path):
    write_photo(tmp_path / "photos/a.png", (2, 2))
    save(tmp_path / "masks/a.png", [[0, 1], [2, 2]])
    data, labels = first(tmp_path, settings=["images=photos"])
    assert data.samples[0].image.path == tmp_path / "photos/a.png"
    assert labels.class_map.tolist() == [[0, 1], [2, 2]]


def test_detection_reads_headers_and_no_pixels(tmp_path):
    """A photograph cut off in its pixels is still known to be one of colours."""
    write_photo(tmp_path / "a.png", (64, 64))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    assert load_format("bitmap").detect(tmp_path) == 0.0
    save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 9, (64, 64)))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    assert load_format("bitmap").detect(tmp_path) == 0.4


def test_ids_of_32_bit_that_lie_far_apart_are_classes(tmp_path):
    values = np.array([[0, 4_000_000_000], [7, 0]], np.uint32)
    tifffile.imwrite(tmp_path / "a.tif", values)
    data, labels = first(tmp_path)
    assert data.taxonomy.keys == ("0", "7", "4000000000")
    assert labels.class_map.tolist() == [[0, 2], [1, 0]]
    table = tmp_path / "t.json"
    table.write_text(json.dumps({"categories": [{"id": 0, "name": "a"}, {"id": 7, "name": "b"}]}))
    data = read_dataset(tmp_path, "bitmap", settings=[f"taxonomy={table}"])
    with pytest.raises(FormatError, match=r"x=1, y=0 \(saw 4000000000\)"):
        data.labels_of(data.samples[0])


def test_bare_numbers_are_classes_with_a_word_on_what_else_they_may_be(tmp_path):
    save(tmp_path / "few/a.png", [[0, 1], [2, 2]])
    assert any("from.kind=instance" in w for w in read_dataset(tmp_path / "few").warnings)
    save(tmp_path / "grey/a.png", np.arange(256).reshape(16, 16))
    assert any("from.kind=binary" in w for w in read_dataset(tmp_path / "grey").warnings)
    save(tmp_path / "binary/a.png", [[0, 255], [0, 255]])
    assert not any("taken for classes" in w for w in read_dataset(tmp_path / "binary").warnings)
