"""Sets as `datasets` writes them to Parquet, built by pyarrow with the schema of its features."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from maskloom.errors import FormatError
from maskloom.formats.detect import detect_format, read_dataset
from maskloom.store.images import png_bytes

SIZE = (7, 9)


def palette_png(values):
    image = Image.fromarray(values)
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def id_maps(n):
    return [np.random.default_rng(i).integers(0, 3, SIZE).astype(np.uint8) for i in range(n)]


def hub_table(root, masks, split, *, shards=2):
    """Shards as `Dataset.push_to_hub` writes them: features in the schema, objects beside masks."""
    features = {
        "image": {"_type": "Image"},
        "annotation": {"_type": "Image"},
        "scene": {"names": ["indoor", "outdoor"], "_type": "ClassLabel"},
        "objects": {
            "id": {"feature": {"dtype": "int64", "_type": "Value"}, "_type": "List"},
            "bbox": {
                "feature": {
                    "feature": {"dtype": "float32", "_type": "Value"},
                    "length": 4,
                    "_type": "List",
                },
                "_type": "List",
            },
        },
    }
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    objects = pa.struct(
        [("id", pa.list_(pa.int64())), ("bbox", pa.list_(pa.list_(pa.float32(), 4)))]
    )
    kinds = [
        ("image", picture),
        ("annotation", picture),
        ("scene", pa.int64()),
        ("objects", objects),
    ]
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    photo = png_bytes(np.zeros((*SIZE, 3), np.uint8))
    rows = [
        {
            "image": {"bytes": photo, "path": f"{split}_{i:04d}.jpg"},
            "annotation": {"bytes": palette_png(one), "path": f"{split}_{i:04d}.png"},
            "scene": i % 2,
            "objects": {"id": [1, 2], "bbox": [[0, 0, 1, 1], [1, 1, 2, 2]]},
        }
        for i, one in enumerate(masks)
    ]
    (root / "data").mkdir(parents=True, exist_ok=True)
    for n in range(shards):
        part = pa.Table.from_pylist(rows[n::shards], pa.schema(kinds, told))
        name = f"{split}-{n:05d}-of-{shards:05d}-0123456789abcdef.parquet"
        pq.write_table(part, root / "data" / name, row_group_size=100)


def test_a_set_of_the_hub_is_read_by_its_shards_splits_and_names(tmp_path):
    maps = id_maps(7)
    hub_table(tmp_path, maps[:5], "train")
    hub_table(tmp_path, maps[5:], "validation", shards=1)
    assert detect_format(tmp_path).name == "parquet"
    back = read_dataset(tmp_path, settings=[f"extract={tmp_path / 'photos'}"])
    keys = [f"train_{i:04d}" for i in range(5)] + [f"validation_{i:04d}" for i in range(2)]
    assert [s.key for s in back.samples] == keys
    assert {n: set(k) for n, k in back.splits.items()} == {
        "train": set(keys[:5]), "val": set(keys[5:]),
    }  # fmt: skip
    for (sample, found), values in zip(back, maps, strict=True):
        np.testing.assert_array_equal(found.class_map, values)
        assert sample.image.path is not None
        assert sample.image.path.is_file()


def test_a_mask_that_is_not_embedded_is_one_error_with_its_place(tmp_path):
    hub_table(tmp_path, id_maps(2), "test", shards=1)
    (file,) = (tmp_path / "data").iterdir()
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[1]["annotation"]["bytes"] = None
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file)
    with pytest.raises(FormatError, match=r"row group 0, row 1.*no picture in column 'annotation'"):
        list(read_dataset(tmp_path))


def test_rows_without_a_mask_are_left_out_and_counted(tmp_path):
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    masks = id_maps(2)
    files = [{"bytes": palette_png(m), "path": f"{i}.png"} for i, m in enumerate(masks)]
    bare = {"bytes": None, "path": None}
    images = [{"bytes": png_bytes(masks[0]), "path": f"x{i}.png"} for i in range(4)]
    table = pa.table(
        {
            "image": pa.array(images, picture),
            "label": pa.array([files[0], None, bare, files[1]], picture),
            "scene": pa.array(["a", "b", "c", "d"]),
        }
    )
    (tmp_path / "data").mkdir()
    pq.write_table(table, tmp_path / "data/train-00000-of-00001.parquet")
    data = read_dataset(tmp_path)
    assert [sample.key for sample in data.samples] == ["x0", "x3"]
    assert data.splits == {"train": ("x0", "x3")}
    for sample, values in zip(data.samples, masks, strict=True):
        ids = [category.id_in("bitmap") for category in data.taxonomy]
        np.testing.assert_array_equal(np.array(ids)[data.labels_of(sample).class_map], values)
    told = " ".join(data.warnings)
    assert "2 rows of 4 without a mask" in told
    assert "dropped: scene" in told


def test_a_table_of_which_no_row_has_a_mask_is_refused(tmp_path):
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([None, None], picture)
    pq.write_table(pa.table({"image": column, "label": column}), tmp_path / "train.parquet")
    with pytest.raises(FormatError, match="no row has a mask"):
        read_dataset(tmp_path)
