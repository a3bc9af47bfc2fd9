"""Pictures and masks as columns, written as Hugging Face stores them, and read again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.parquet.write import Write
from maskloom.formats.transfer import transfer
from maskloom.store.images import write_png

SIZE = (7, 9)
NAMES = Taxonomy(
    (
        Category("sky", "sky", "stuff", ids=(("bitmap", 3),)),
        Category("tree", "tree", "stuff", ids=(("bitmap", 9),)),
        Category("odd", "odd", "stuff", void=True, ids=(("bitmap", 200),)),
    )
)


def class_maps(n: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        f"{'ab'[i % 2]}/p{i}": rng.choice(np.array([0, 1, 255], np.uint8), SIZE) for i in range(n)
    }


def data_set(root: Path, *, images: bool = True) -> Dataset:
    maps = class_maps()
    for key in maps:
        write_png(root / f"{key}.png", np.full((*SIZE, 3), len(key), np.uint8))
    return Dataset(
        NAMES,
        tuple(
            Sample(key, ImageRef(root / f"{key}.png" if images else None), file_name=f"{key}.png")
            for key in sorted(maps)
        ),
        lambda sample: Labels(SIZE, class_map=maps[sample.key]),
        {"val": ("a/p0", "a/p2"), "train": ("b/p1", "b/p3", "a/p0")},
    )


def write(data: Dataset, target: Path, **options: object):
    return transfer(
        data, target, load_format("parquet"), options=Write(layout="pictures", **options)
    )


def test_class_maps_come_back_with_names_ids_void_keys_and_splits(tmp_path: Path) -> None:
    done = write(data_set(tmp_path / "in"), tmp_path / "out")
    assert done.written
    assert done.changed_pixels == 0
    assert detect_format(tmp_path / "out").name == "parquet"
    back = read_dataset(tmp_path / "out")
    assert [c.name for c in back.taxonomy] == ["sky", "tree", "odd"]
    assert back.taxonomy[1].id_in("bitmap") == 9
    assert dict(back.splits) == {"val": ("a/p0", "a/p2"), "train": ("b/p1", "b/p3", "a/p0")}
    maps = class_maps()
    assert [sample.key for sample in back.samples] == sorted(maps)
    for sample, labels in back:
        np.testing.assert_array_equal(labels.class_map, maps[sample.key])


def test_a_table_a_split_has_the_schema_of_the_hub_and_the_bytes_of_the_images(
    tmp_path: Path,
) -> None:
    write(data_set(tmp_path / "in"), tmp_path / "out")
    files = sorted(p.name for p in (tmp_path / "out/data").iterdir())
    # An image in two splits stands in the first by name; one in none is in neither.
    assert files == [
        "rest-00000-of-00001.parquet",
        "train-00000-of-00001.parquet",
        "validation-00000-of-00001.parquet",
    ]
    table = pq.read_table(tmp_path / "out/data/validation-00000-of-00001.parquet")
    told = json.loads(table.schema.metadata[b"huggingface"])
    assert told["info"]["features"] == {"image": {"_type": "Image"}, "mask": {"_type": "Image"}}
    assert [row["path"] for row in table["image"].to_pylist()] == ["a/p2.png"]
    row = table.to_pylist()[0]
    assert row["image"]["bytes"] == (tmp_path / "in/a/p2.png").read_bytes()
    stored = np.asarray(Image.open(io.BytesIO(row["mask"]["bytes"])))
    expected = np.array([3, 9, 200])[np.where(class_maps()["a/p2"] == 255, 2, class_maps()["a/p2"])]
    np.testing.assert_array_equal(stored, expected)


def test_what_is_written_again_is_the_same_bytes(tmp_path: Path) -> None:
    write(data_set(tmp_path / "in"), tmp_path / "one")
    again = read_dataset(tmp_path / "one", settings=[f"from.extract={tmp_path / 'photos'}"])
    write(again, tmp_path / "two")
    names = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert len(names) == 4
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_missing_images_keep_their_names_and_are_counted(tmp_path: Path) -> None:
    done = write(data_set(tmp_path / "in", images=False), tmp_path / "out")
    assert any("5 images are missing" in warning for warning in done.warnings)
    assert [s.key for s in read_dataset(tmp_path / "out").samples] == sorted(class_maps())
    bare = write(data_set(tmp_path / "in"), tmp_path / "bare", images="none")
    assert not any("missing" in warning for warning in bare.warnings)
    table = pq.read_table(tmp_path / "bare/data/train-00000-of-00001.parquet")
    assert table.column_names == ["mask"]


def test_objects_of_one_category_keep_their_ids_and_overlaps_are_refused(tmp_path: Path) -> None:
    masks = np.zeros((2, *SIZE), bool)
    masks[0, 1:4, 1:4], masks[1, 5:6, 2:8] = True, True
    cell = Taxonomy((Category("cell", "cell"),))

    def objects(stack: np.ndarray) -> Dataset:
        rows = Rows.make(Masks.from_dense(stack), np.zeros(2, np.int32), instance=np.array([4, 70]))
        return Dataset(cell, (Sample("a", ImageRef(None)),), lambda _: Labels(SIZE, rows=rows))

    assert write(objects(masks), tmp_path / "out").written
    rows = read_dataset(tmp_path / "out").labels_of(Sample("a", ImageRef(None))).rows
    assert rows is not None
    assert rows.instance.tolist() == [4, 70]
    np.testing.assert_array_equal([rows.masks.dense(i) for i in range(2)], masks)
    masks[1, 3, 3] = True
    refused = write(objects(masks), tmp_path / "lossy")
    assert not refused.written
    assert [loss.kind for loss in refused.refused] == ["overlap"]
    assert not (tmp_path / "lossy").exists()


@pytest.mark.parametrize("rows", [1, 250])
def test_groups_of_rows_stay_small(tmp_path: Path, rows: int) -> None:
    pixels = np.zeros(SIZE, np.uint8)
    data = Dataset(
        Taxonomy((Category("sky", "sky", "stuff"), Category("sea", "sea", "stuff"))),
        tuple(Sample(f"p{i:04d}", ImageRef(None)) for i in range(rows)),
        lambda _: Labels(SIZE, class_map=pixels),
    )
    write(data, tmp_path / "out", images="none")
    with pq.ParquetFile(tmp_path / "out/data/train-00000-of-00001.parquet") as table:
        sizes = [table.metadata.row_group(i).num_rows for i in range(table.num_row_groups)]
    assert sum(sizes) == rows
    assert max(sizes) <= 100
