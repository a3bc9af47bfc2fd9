"""Data sets: unique keys, splits, a hash that is the same everywhere; views of labels."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import BACKGROUND, FULL, VOID, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.splits import hold_out, stratified_split
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_areas, class_map, instance_map, instance_rows, translate
from maskloom.errors import DataError, UsageError

TWO = Taxonomy((Category("a", "a"), Category("b", "b"), Category("v", "v", "stuff", void=True)))
MANY = Taxonomy.from_names([str(i) for i in range(6)])


def maps(keys, groups=None, taxonomy=TWO, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {k: rng.integers(0, 2, (4, 5)).astype(np.uint8) for k in sorted(keys)}
    samples = tuple(Sample(k, ImageRef(None), group=(groups or {}).get(k)) for k in keys)
    return Dataset(taxonomy, samples, lambda s: Labels((4, 5), class_map=arrays[s.key]), name="toy")


def rows_of(*boxes, size=(6, 8), category=None, **columns):
    frames = []
    for x0, y0, x1, y1 in boxes:
        frame = np.zeros(size, bool)
        frame[y0:y1, x0:x1] = True
        frames.append(frame)
    masks = Masks.from_dense(np.array(frames)) if frames else Masks.empty(0, size)
    return Rows.make(masks, category if category is not None else np.zeros(len(boxes)), **columns)


def test_the_hash_ignores_order_and_paths_and_sees_every_pixel() -> None:
    keys = ["x/1", "x/2", "y"]
    assert maps(keys).content_hash() == maps(keys[::-1]).content_hash()
    assert maps(keys).content_hash() != maps(keys, seed=1).content_hash()
    other = Taxonomy(TWO.categories, revision=1)
    assert maps(keys).content_hash() != maps(keys, taxonomy=other).content_hash()


def test_the_hash_is_a_fixed_number_of_the_stored_form() -> None:
    """Guards the canonical form: a change here breaks every recorded data hash."""
    rows = rows_of((1, 1, 4, 3), (2, 0, 8, 6))
    one = Dataset(
        Taxonomy.from_names(["a"]),
        (Sample("k", ImageRef(None)),),
        lambda s: Labels((6, 8), rows=rows),
    )
    assert one.content_hash() == one.content_hash()
    assert len(one.content_hash()) == 64


def test_two_samples_with_one_key_are_refused() -> None:
    with pytest.raises(DataError, match="differ only in their suffix"):
        maps(["a", "a"])


def test_unknown_splits_and_samples_are_named() -> None:
    with pytest.raises(UsageError, match="Known splits: none"):
        maps(["a"]).split("train")
    with pytest.raises(DataError, match="no such sample"):
        maps(["a"]).select(["b"])


def test_a_split_parts_no_group_and_is_the_same_whatever_the_order() -> None:
    keys = [f"s{i}" for i in range(40)]
    groups = {k: f"g{i // 4}" for i, k in enumerate(keys)}
    first, second = stratified_split(maps(keys, groups), 0.3, seed=7)
    names = [{s.group for s in part.samples} for part in (first, second)]
    assert not names[0] & names[1]
    assert abs(len(second) / 40 - 0.3) <= 0.1
    again = stratified_split(maps(keys[::-1], groups), 0.3, seed=7)[1]
    assert [s.key for s in again.samples] == [s.key for s in second.samples]


def test_a_split_depends_on_the_seed() -> None:
    keys = [f"s{i}" for i in range(40)]
    parts = {
        tuple(s.key for s in stratified_split(maps(keys), 0.25, seed=i)[1].samples)
        for i in range(4)
    }
    assert len(parts) > 1


def test_a_rare_class_lands_on_both_sides() -> None:
    arrays = {f"s{i:02d}": np.zeros((4, 5), np.uint8) for i in range(20)}
    for key in ("s03", "s11", "s12", "s19"):
        arrays[key][0, 0] = 1
    data = Dataset(
        TWO,
        tuple(Sample(k, ImageRef(None)) for k in arrays),
        lambda s: Labels((4, 5), class_map=arrays[s.key]),
    )
    for seed in range(5):
        for part in stratified_split(data, 0.25, seed):
            assert any((arrays[s.key] == 1).any() for s in part.samples)
            assert len(part) > 0


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0])
def test_a_fraction_outside_0_to_1_is_refused(fraction: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        stratified_split(maps(["a", "b"]), fraction)


def test_one_group_cannot_be_split_but_held_out() -> None:
    groups = {"a": "g", "b": "g", "c": "h"}
    with pytest.raises(UsageError, match="one group"):
        stratified_split(maps(["a", "b"], groups), 0.5)
    rest, held = hold_out(maps(["a", "b", "c"], groups), "h")
    assert [s.key for s in held.samples] == ["c"]
    assert len(rest) == 2
    with pytest.raises(UsageError, match="Known groups: g, h"):
        hold_out(maps(["a", "b", "c"], groups), "z")


def test_rows_become_a_class_map_with_background_and_void() -> None:
    rows = rows_of((0, 0, 2, 2), (1, 0, 3, 1), (5, 5, 8, 6), category=[0, 1, 2])
    out = class_map(Labels((6, 8), rows=rows), TWO)
    assert out.dtype == np.uint8
    assert out[0].tolist() == [0, 1, 1, *[BACKGROUND] * 5]
    assert out[5, 5:].tolist() == [VOID] * 3


def test_z_order_decides_who_is_painted_over() -> None:
    rows = rows_of((0, 0, 2, 2), (0, 0, 2, 2), category=[0, 1], z_order=[1, 0])
    assert class_map(Labels((6, 8), rows=rows), TWO)[0, 0] == 0


def test_outside_coverage_a_pixel_is_void_not_background() -> None:
    frame = np.zeros((6, 8), bool)
    frame[:, :4] = True
    rows = rows_of((0, 0, 2, 2))
    part = Labels((6, 8), rows=rows, coverage=Coverage(area=Masks.from_dense(frame)))
    out = class_map(part, TWO)
    assert (out[0, 0], out[0, 3], out[0, 5]) == (0, BACKGROUND, VOID)
    none = class_map(Labels((6, 8), rows=rows, coverage=Coverage(nothing=True)), TWO)
    assert (none[0, 0], none[0, 3]) == (0, VOID)


def test_a_class_map_becomes_one_row_per_category() -> None:
    array = np.full((6, 8), BACKGROUND, np.uint8)
    array[0, 0], array[1:3, 1:3], array[5] = 1, 0, VOID
    rows = instance_rows(Labels((6, 8), class_map=array))
    assert rows.category.tolist() == [0, 1]
    assert rows.masks.areas.tolist() == [4, 1]


def test_parts_of_one_object_share_a_number() -> None:
    rows = rows_of((0, 0, 1, 1), (4, 4, 5, 5), (2, 2, 3, 3), instance=[9, 9, 4])
    ids = instance_map(rows, (6, 8))
    assert ids[0, 0] == ids[4, 4] == 1
    assert ids[2, 2] == 2


def test_areas_count_overlapping_rows_in_full() -> None:
    rows = rows_of((0, 0, 2, 2), (0, 0, 2, 2), category=[1, 1])
    assert class_areas(Labels((6, 8), rows=rows), TWO).tolist() == [0, 8, 0]


def test_translate_renumbers_maps_and_rows_and_keeps_void() -> None:
    array = np.array([[0, 1], [VOID, BACKGROUND]], np.uint8)
    out = translate(Labels((2, 2), class_map=array), [3, 2], MANY).class_map
    assert out is not None
    assert out.tolist() == [[3, 2], [VOID, BACKGROUND]]
    rows = translate(Labels((6, 8), rows=rows_of((0, 0, 1, 1))), [5], MANY).rows
    assert rows is not None
    assert rows.category.tolist() == [5]
    with pytest.raises(DataError, match="no counterpart"):
        translate(Labels((2, 2), class_map=array), [0, None], MANY)


def test_a_void_target_becomes_the_void_code_of_a_map_and_stays_a_position_of_rows() -> None:
    taxonomy = Taxonomy((Category("a", "a"), Category("void", "void", void=True)))
    for targets in ([1, 0], [0, 1]):
        out = translate(
            Labels((1, 2), class_map=np.array([[0, 1]], np.uint8)), targets, taxonomy
        ).class_map
        assert out is not None
        assert out.tolist() == [[VOID if t == 1 else t for t in targets]]
    rows = translate(Labels((6, 8), rows=rows_of((0, 0, 1, 1))), [1], taxonomy).rows
    assert rows is not None
    assert rows.category.tolist() == [1]


def test_a_map_of_16_bit_is_read_in_the_type_of_its_taxonomy() -> None:
    array = np.array([[0, 65535], [65534, 1]], np.uint16)
    out = class_map(Labels((2, 2), class_map=array), TWO)
    assert out.dtype == np.uint8
    assert out.tolist() == [[0, VOID], [BACKGROUND, 1]]


def test_the_content_hash_knows_coverage_and_links_between_objects() -> None:
    area = rows_of((0, 0, 4, 6)).masks
    whole = rows_of((0, 0, 8, 6)).masks
    key = TWO.keys[0]

    def digest(coverage: Coverage = FULL, **columns) -> str:
        rows = rows_of((0, 0, 2, 2), **columns)
        labels = Labels((6, 8), rows=rows, coverage=coverage)
        return Dataset(TWO, (Sample("a", ImageRef(None)),), lambda _: labels).content_hash()

    different = [
        digest(), digest(parent=[3]), digest(amodal_of=[3]), digest(Coverage(nothing=True)),
        digest(Coverage(area=area)), digest(Coverage(categories=frozenset({key}))),
    ]  # fmt: skip
    assert len(set(different)) == len(different)
    assert digest(Coverage(area=whole, categories=frozenset(TWO.keys))) == digest()


@pytest.mark.parametrize("name", ["", "a/b", "..", "../x", "a\\b", ".hidden", "a\0b"])
def test_a_split_that_is_no_name_for_a_folder_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="name of a split"):
        Dataset(TWO, (), lambda _: Labels((1, 1)), {name: ()})


def test_translate_to_many_categories_widens_the_map() -> None:
    wide = Taxonomy.from_names([str(i) for i in range(301)])
    array = np.array([[0, 1], [VOID, BACKGROUND]], np.uint8)
    out = translate(Labels((2, 2), class_map=array), [300, 2], wide).class_map
    assert out is not None
    assert out.dtype == np.uint16
    assert out.tolist() == [[300, 2], [65535, 65534]]


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"class_map": np.zeros((2, 3), np.uint8)}, {"class_map": np.zeros((2, 2), np.int64)},
        {"class_map": np.zeros((2, 2), np.uint8), "confidence": np.zeros((3, 3), np.uint8)},
    ],
)  # fmt: skip
def test_labels_of_a_wrong_form_are_refused(wrong) -> None:
    with pytest.raises(DataError):
        Labels((2, 2), **wrong)


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(DataError, match="score"):
        rows_of((0, 0, 1, 1), score=[0.5, 0.5])
