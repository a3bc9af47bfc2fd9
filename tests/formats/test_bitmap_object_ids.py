"""Objects keep the ids that they came with in maps of ids, or the ones that cannot are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import dataset_of, folder_bytes

CELL = Taxonomy((Category("cell", "cell", "thing"),))
OWN = (5, 300, 301, 65536)


def source(folder: Path, *ids: int, dtype: type = np.uint32) -> Path:
    """A TIFF map with an object of 3 × 3 px for each id, and its image."""
    values = np.zeros((6, 4 * len(ids)), dtype)
    for i, number in enumerate(ids):
        values[1:4, 4 * i : 4 * i + 3] = number
    for name in ("masks", "images"):
        (folder / name).mkdir(parents=True)
    tifffile.imwrite(folder / "masks/a.tif", values)
    Image.new("RGB", values.shape[::-1]).save(folder / "images/a.png")
    return folder


def converted(folder: Path, target: Path, fmt: str = "bitmap", **options):
    data = read_dataset(folder, "bitmap", settings=["kind=instance"])
    made = load_format(fmt)
    chosen = made.WriteOptions(**{k: v for k, v in options.items() if k != "allow_loss"})
    allow = options.get("allow_loss", False)
    return transfer(data, target, made, options=chosen, allow_loss=allow)


@pytest.mark.parametrize("ids", [OWN, (7, 70000, 2**31, 2**32 - 1)])
def test_ids_above_65535_are_kept_in_a_tiff_of_32_bit(tmp_path, ids):
    folder = source(tmp_path / "src", *ids)
    assert converted(folder, tmp_path / "out").written
    back = tifffile.imread(tmp_path / "out/masks/a.tif")
    assert back.dtype == np.uint32
    assert np.array_equal(back, tifffile.imread(folder / "masks/a.tif"))
    assert not (tmp_path / "out/masks/a.png").exists()
    assert converted(tmp_path / "out", tmp_path / "again").written
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "again")


def test_ids_to_65535_are_kept_in_a_png_of_16_bit(tmp_path):
    folder = source(tmp_path / "src", 5, 300, 65535)
    assert converted(folder, tmp_path / "out").written
    with Image.open(tmp_path / "out/masks/a.png") as back:
        assert np.array_equal(np.asarray(back), tifffile.imread(folder / "masks/a.tif"))


def test_only_the_image_with_large_ids_becomes_a_tiff(tmp_path):
    folder = source(tmp_path / "src", *OWN)
    tifffile.imwrite(folder / "masks/b.tif", np.array([[0, 9]], np.uint32))
    Image.new("RGB", (2, 1)).save(folder / "images/b.png")
    assert converted(folder, tmp_path / "out").written
    assert sorted(p.name for p in (tmp_path / "out/masks").iterdir()) == ["a.tif", "b.png"]


def test_where_maps_are_png_alone_an_id_above_65535_is_refused_and_named(tmp_path):
    folder = source(tmp_path / "src", *OWN)
    done = converted(folder, tmp_path / "out", "parquet", layout="pictures")
    assert not done.written
    (loss,) = done.refused
    assert (loss.kind, loss.objects) == ("ids", 1)
    assert "65536 → 1" in loss.example
    assert [one.object for one in loss.first] == [65536]


def test_allowed_the_large_id_changes_and_the_small_ones_stay(tmp_path):
    from pyarrow import parquet

    folder = source(tmp_path / "src", 1, *OWN)
    out = tmp_path / "out"
    assert converted(folder, out, "parquet", layout="pictures", allow_loss=True).written
    (table,) = sorted(out.rglob("*.parquet"))
    (row,) = parquet.read_table(table).to_pylist()
    (tmp_path / "a.png").write_bytes(row["mask"]["bytes"])
    with Image.open(tmp_path / "a.png") as back:
        assert np.unique(np.asarray(back)).tolist() == [0, 1, 2, 5, 300, 301]


def test_id_0_which_a_map_has_no_pixels_for_is_refused(tmp_path):
    masks, _ = Masks.from_id_map(np.array([[1, 2, 3]]))
    rows = Rows.make(masks, np.zeros(3, np.int32), instance=np.array([0, 1, 2]))
    data = dataset_of(CELL, {"a": Labels((1, 3), rows=rows)}, tmp_path / "images")
    done = transfer(data, tmp_path / "out", load_format("bitmap"))
    assert [(loss.kind, loss.objects) for loss in done.refused] == [("ids", 1)]
    assert transfer(data, tmp_path / "out", load_format("bitmap"), allow_loss=True).written
    with Image.open(tmp_path / "out/masks/a.png") as back:
        assert np.asarray(back).tolist() == [[3, 1, 2]]


def test_object_folders_keep_ids_that_are_not_their_numbers(tmp_path):
    folder = source(tmp_path / "src", *OWN)
    assert converted(folder, tmp_path / "out", "objects").written
    names = sorted(p.name for p in (tmp_path / "out/masks/a").iterdir())
    assert names == ["0001.png", "0002.png", "0003.png", "0004.png"]
    told = json.loads((tmp_path / "out/taxonomy.json").read_text())
    assert told["ids"] == {"a": list(OWN)}
    back = read_dataset(tmp_path / "out", "objects")
    assert back.labels_of(back.samples[0]).rows.instance.tolist() == list(OWN)
    made = load_format("objects")
    assert transfer(back, tmp_path / "again", made).written
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "again")
    assert transfer(back, tmp_path / "maps", load_format("bitmap")).written
    found = tifffile.imread(tmp_path / "maps/masks/a.tif")
    assert np.array_equal(found, tifffile.imread(folder / "masks/a.tif"))


def test_object_folders_numbered_from_1_need_no_ids(tmp_path):
    assert converted(source(tmp_path / "src", 1, 2, 3), tmp_path / "out", "objects").written
    assert "ids" not in json.loads((tmp_path / "out/taxonomy.json").read_text())


@pytest.mark.parametrize("ids", [[5, 300], [5, 5, 6, 7], [1, 2, 3, "x"], "1234", None])
def test_ids_of_a_side_file_that_fit_no_folder_are_one_error(tmp_path, ids):
    converted(source(tmp_path / "src", *OWN), tmp_path / "out", "objects")
    file = tmp_path / "out/taxonomy.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "ids": {"a": ids}}))
    back = read_dataset(tmp_path / "out", "objects")
    with pytest.raises(Exception, match="ids of the objects") as error:
        back.labels_of(back.samples[0])
    assert type(error.value).__name__ == "FormatError"


def test_ids_beyond_those_of_geotiff_are_named_and_the_others_stay(tmp_path):
    pytest.importorskip("rasterio", reason="needs the extra geo")
    data = read_dataset(
        source(tmp_path / "src", 7, 70000, 2**32 - 1), "bitmap", settings=["kind=instance"]
    )
    fmt = load_format("geotiff")
    done = transfer(data, tmp_path / "out", fmt)
    assert [(loss.kind, [one.object for one in loss.first]) for loss in done.refused] == [
        ("ids", [2**32 - 1])
    ]
    assert transfer(data, tmp_path / "out", fmt, allow_loss=True).written
    assert np.unique(tifffile.imread(tmp_path / "out/masks/a.tif")).tolist() == [0, 1, 7, 70000]
