"""Labels at rest: every column of rows comes back as it was, and bytes depend on labels alone."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskloom.core.labels import Geometry, Rows
from maskloom.core.masks import Masks
from maskloom.errors import DataError, WriteError
from maskloom.store.project import parts
from maskloom.store.project.parts import PartWriter, part_facts, read_rows

KEYS = ("car", "road", "void")
POSITIONS = {"car": 0, "road": 1, "void": 2}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)


def texts(values):
    """One value or None per row, or no column."""
    return lambda n: st.just(()) | st.lists(st.none() | values, min_size=n, max_size=n).map(tuple)


@st.composite
def vertices(draw):
    finite = st.floats(allow_nan=False, allow_infinity=False)
    sizes = draw(st.lists(st.integers(0, 5), max_size=3))
    rings = tuple(
        np.array(draw(st.lists(finite, min_size=2 * n, max_size=2 * n)), np.float64).reshape(-1, 2)
        for n in sizes
    )
    return Geometry(rings, draw(st.sampled_from(["coco", "grid", "é"])))


@st.composite
def some_rows(draw, most=4):
    n = draw(st.integers(0, most))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    masks = Masks.from_dense(rng.random((n, height, width)) < 0.5)

    def column(values):
        return draw(st.lists(values, min_size=n, max_size=n))

    return Rows.make(
        masks,
        np.array(column(st.integers(0, 2)), np.int32),
        instance=np.array(column(INT64), np.int64),
        kind=np.array(column(st.integers(0, 4)), np.uint8),
        score=np.array(column(st.floats()), np.float64),
        crowd=np.array(column(st.booleans()), bool),
        z_order=np.array(column(INT32), np.int32),
        plane=np.array(column(INT32), np.int32),
        track=np.array(column(INT64), np.int64),
        parent=np.array(column(INT64), np.int64),
        amodal_of=np.array(column(INT64), np.int64),
        author=draw(texts(st.text(st.characters(codec="utf-8")))(n)),
        attributes=draw(texts(st.dictionaries(st.text(), JSON, max_size=3))(n)),
        geometry=draw(texts(vertices())(n)),
        source=draw(texts(st.dictionaries(st.text(), JSON, max_size=3))(n)),
    )


def the_same(one, two):
    """Equal to the bit; a column of nothing but None equals no column."""
    assert one.masks == two.masks
    for name in ("category", "instance", "kind", "score", "crowd", "z_order", "plane", "track",
                 "parent", "amodal_of"):  # fmt: skip
        left, right = getattr(one, name), getattr(two, name)
        assert left.dtype == right.dtype
        assert left.tobytes() == right.tobytes(), name
    for name in ("author", "attributes", "source"):
        left, right = (
            column if any(v is not None for v in column) else ()
            for column in (getattr(one, name), getattr(two, name))
        )
        assert repr(left) == repr(right), name
    for left, right in zip(one.geometry or [None] * len(one), two.geometry or [None] * len(one),
                           strict=True):  # fmt: skip
        assert (left is None) == (right is None)
        if left is not None:
            assert left.rule == right.rule
            assert [p.tobytes() for p in left.parts] == [p.tobytes() for p in right.parts]
            assert [p.shape for p in left.parts] == [p.shape for p in right.parts]


def stored(path, samples, facts=None):
    with PartWriter(path, KEYS, facts) as writer:
        places = [writer.put(f"s{i}", rows) for i, rows in enumerate(samples)]
        writer.finish()
    return places


@settings(max_examples=30)
@given(samples=st.lists(some_rows(), max_size=3))
def test_every_column_comes_back_as_it_was(tmp_path_factory, samples):
    path = tmp_path_factory.mktemp("part") / "a.parquet"
    places = stored(path, samples)
    for rows, (first, count) in zip(samples, places, strict=True):
        assert count == len(rows)
        the_same(rows, read_rows(path, first, count, POSITIONS))


@settings(max_examples=20)
@given(samples=st.lists(some_rows(), max_size=4), data=st.data())
def test_any_range_across_row_groups_comes_back(tmp_path_factory, samples, data):
    path = tmp_path_factory.mktemp("part") / "a.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "GROUP_ROWS", 3)
        stored(path, samples)
    whole = [rows.take(slice(i, i + 1)) for rows in samples for i in range(len(rows))]
    first = data.draw(st.integers(0, len(whole)))
    count = data.draw(st.integers(0, len(whole) - first))
    found = read_rows(path, first, count, POSITIONS)
    for i in range(count):
        the_same(whole[first + i], found.take(slice(i, i + 1)))
    assert all(
        pq.ParquetFile(path).metadata.row_group(i).num_rows <= 3
        for i in range(pq.ParquetFile(path).num_row_groups)
    )


def box(category=0, **columns):
    mask = np.zeros((4, 6), bool)
    mask[1:3, 1:4] = True
    return Rows.make(Masks.from_dense([mask]), np.array([category], np.int32), **columns)


def test_scores_keep_their_last_bit_and_their_nan(tmp_path):
    odd = np.frombuffer(np.array([0x7FF8000000000001], np.uint64).tobytes(), np.float64)
    for score in (0.1 + 0.2, math.nextafter(1.0, 0.0), 5e-324, -0.0, odd[0]):
        rows = box(score=[score])
        stored(tmp_path / "a.parquet", [rows])
        found = read_rows(tmp_path / "a.parquet", 0, 1, POSITIONS)
        assert found.score.tobytes() == rows.score.tobytes()


def test_the_same_labels_make_the_same_bytes_everywhere(tmp_path):
    rows = box(source=[{"id": 7, "z": 1, "a": {"é": 0.1}}], author=["ann"])
    stored(tmp_path / "a.parquet", [rows, box(1)], {"extra": {"b": 1, "a": 2}})
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\n"
        "from test_tables import box, stored\n"
        "rows = box(source=[{'id': 7, 'z': 1, 'a': {'é': 0.1}}], author=['ann'])\n"
        "stored(Path(sys.argv[1]), [rows, box(1)], {'extra': {'b': 1, 'a': 2}})\n"
    )
    for i, world in enumerate(({"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Apia"}, {"LC_ALL": "C"})):
        there = tmp_path / f"{i}.parquet"
        subprocess.run(
            [sys.executable, "-c", code, str(there), str(Path(__file__).parent)],
            env={**os.environ, **world, "PYTHONHASHSEED": str(i), "PYTHONUTF8": "1"},
            check=True,
        )
        assert there.read_bytes() == (tmp_path / "a.parquet").read_bytes()


def test_other_programs_read_the_columns(tmp_path):
    import polars

    stored(tmp_path / "a.parquet", [box(attributes=[{"wet": True}]), box(1)])
    table = polars.read_parquet(tmp_path / "a.parquet")
    assert table["sample"].to_list() == ["s0", "s1"]
    assert table["category"].to_list() == ["car", "road"]
    assert table["runs"].to_list() == [[0, 6], [0, 6]]
    assert [json.loads(text) if text else None for text in table["attributes"]] == [
        {"wet": True},
        None,
    ]


def test_a_category_moves_with_the_taxonomy(tmp_path):
    stored(tmp_path / "a.parquet", [box(0), box(1)])
    found = read_rows(tmp_path / "a.parquet", 0, 2, {"road": 0, "new": 1, "car": 2})
    assert found.category.tolist() == [2, 0]
    with pytest.raises(DataError, match="the taxonomy lacks"):
        read_rows(tmp_path / "a.parquet", 1, 1, {"car": 0})
    assert read_rows(tmp_path / "a.parquet", 0, 1, {"car": 0}).category.tolist() == [0]


def test_rows_that_cannot_be_stored_are_refused(tmp_path):
    with PartWriter(tmp_path / "a.parquet", KEYS) as writer:
        with pytest.raises(DataError, match="no JSON form"):
            writer.put("a", box(attributes=[{"x": object()}]))
        writer.put("b", box(7))
        with pytest.raises(DataError, match="b: a category that the taxonomy of 3 lacks"):
            writer.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_group_is_bounded_in_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "GROUP_BYTES", 4000)
    heavy = box(source=[{"note": "x" * 1500}])
    stored(tmp_path / "a.parquet", [heavy] * 6)
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [2, 2, 2]


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    with PartWriter(tmp_path / "a.parquet", KEYS) as writer:
        writer.put("a", box())
        assert not (tmp_path / "a.parquet").exists()
        writer.finish()
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]
    with pytest.raises(RuntimeError), PartWriter(tmp_path / "b.parquet", KEYS) as writer:
        writer.put("a", box())
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


def test_facts_come_along(tmp_path):
    stored(tmp_path / "a.parquet", [], {"extra": {"coco": {"heads": {"é": [1.5, None]}}}})
    assert part_facts(tmp_path / "a.parquet") == {"extra": {"coco": {"heads": {"é": [1.5, None]}}}}


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "bit", "other"])
def test_a_damaged_file_is_one_error(tmp_path, damage):
    path = tmp_path / "a.parquet"
    rng = np.random.default_rng(0)
    many = [box(0, instance=[int(i)]) for i in rng.integers(0, 1 << 60, 500)]
    stored(path, many)
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "bit":
        data[len(data) // 3] ^= 4
        path.write_bytes(data)
    else:
        import pyarrow

        pq.write_table(pyarrow.table({"a": [1] * 500}), path)
    with pytest.raises(DataError, match="missing or damaged"):
        read_rows(path, 0, 500, POSITIONS)


def test_rows_beyond_the_end_are_refused(tmp_path):
    stored(tmp_path / "a.parquet", [box()])
    for first, count in ((1, 1), (0, 2), (-1, 1)):
        with pytest.raises(DataError, match="missing or damaged"):
            read_rows(tmp_path / "a.parquet", first, count, POSITIONS)
    assert len(read_rows(tmp_path / "a.parquet", 1, 0, POSITIONS)) == 0


def test_a_target_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="cannot write"):
        PartWriter(tmp_path / "file/a.parquet", KEYS)
