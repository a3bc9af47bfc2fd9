"""The panoptic merge, on arrays that are checked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskloom.core.labels import BACKGROUND, VOID, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.segmenter import Prediction
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.inference.decode import Channels, Decoding
from maskloom.inference.panoptic import PanopticSegmenter, merge_panoptic
from maskloom.store.items import load_item, save_item

SKY, ROAD, CAR = 0, 1, 2
TAXONOMY = Taxonomy((
    Category("sky", "sky", "stuff"), Category("road", "road", "stuff"), Category("car", "car")
))  # fmt: skip
STUFF = np.array([[0] * 6] * 2 + [[1] * 6] * 2, np.uint8)  # sky above road, 4 × 6


def cars(*spans: tuple[int, int], scores) -> Rows:
    """Cars over whole columns [from, to) of the 4 × 6 frame."""
    dense = np.zeros((len(spans), 4, 6), bool)
    for mask, (first, last) in zip(dense, spans, strict=True):
        mask[:, first:last] = True
    return Rows.make(Masks.from_dense(dense), [CAR] * len(spans), score=scores)


def painted(rows: Rows) -> list[list[int]]:
    out = np.full((4, 6), -1)
    rows.masks.paint(out, np.arange(len(rows)))
    return out.tolist()


def test_things_lie_before_stuff() -> None:
    rows = merge_panoptic(cars((0, 2), scores=[0.9]), STUFF, TAXONOMY, stuff_area=0)
    assert rows.category.tolist() == [CAR, SKY, ROAD]
    assert rows.score.tolist() == [0.9, 1.0, 1.0]
    assert painted(rows) == [[0, 0, 1, 1, 1, 1]] * 2 + [[0, 0, 2, 2, 2, 2]] * 2


def test_the_surer_thing_owns_shared_pixels() -> None:
    """3 of the 4 columns of the second are free: it keeps those."""
    rows = merge_panoptic(cars((2, 6), (0, 3), scores=[0.6, 0.8]), STUFF, TAXONOMY, stuff_area=0)
    assert rows.category.tolist() == [CAR, CAR]
    assert rows.score.tolist() == [0.8, 0.6]
    assert painted(rows) == [[0, 0, 0, 1, 1, 1]] * 4


@pytest.mark.parametrize(("overlap", "kept"), [(0.5, 2), (0.51, 1)])
def test_a_thing_is_dropped_below_the_free_share(overlap: float, kept: int) -> None:
    """Half of the second is free: dropped only where more is asked for."""
    rows = merge_panoptic(
        cars((0, 4), (2, 6), scores=[0.8, 0.6]), STUFF, TAXONOMY, overlap=overlap, stuff_area=0
    )
    assert rows.category.tolist().count(CAR) == kept


def test_what_a_dropped_thing_had_is_free_for_the_next() -> None:
    """The second has 1 of 4 columns free and goes; the third then finds 5 and 6 free."""
    rows = merge_panoptic(
        cars((0, 4), (1, 5), (4, 6), scores=[0.9, 0.8, 0.7]), STUFF, TAXONOMY, stuff_area=0
    )
    assert rows.score.tolist() == [0.9, 0.7]
    assert painted(rows) == [[0, 0, 0, 0, 1, 1]] * 4


def test_equal_scores_are_taken_in_the_order_of_rows_and_none_is_the_surest() -> None:
    tied = merge_panoptic(cars((0, 4), (3, 6), scores=[0.5, 0.5]), STUFF, TAXONOMY, stuff_area=0)
    assert painted(tied)[0] == [0, 0, 0, 0, 1, 1]
    unscored = merge_panoptic(
        cars((0, 4), (3, 6), scores=[0.5, np.nan]), STUFF, TAXONOMY, stuff_area=0
    )
    assert painted(unscored)[0] == [1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(("area", "kept"), [(8, [CAR, SKY, ROAD]), (9, [CAR])])
def test_stuff_needs_its_area_after_things_took_theirs(area: int, kept) -> None:
    """Four of six columns are left, of two rows each: 8 px."""
    rows = merge_panoptic(cars((0, 2), scores=[1.0]), STUFF, TAXONOMY, stuff_area=area)
    assert rows.category.tolist() == kept


def test_background_and_things_of_the_class_map_claim_nothing() -> None:
    stuff = STUFF.copy()
    stuff[:, 0], stuff[:, 1] = BACKGROUND, CAR
    rows = merge_panoptic(cars(scores=[]), stuff, TAXONOMY, stuff_area=0)
    assert painted(rows) == [[-1, -1, 0, 0, 0, 0]] * 2 + [[-1, -1, 1, 1, 1, 1]] * 2


def test_nothing_at_all_gives_no_rows() -> None:
    rows = merge_panoptic(cars(scores=[]), np.full((4, 6), BACKGROUND), TAXONOMY)
    assert len(rows) == 0


def test_random_rows_end_up_exclusive_and_inside_their_things() -> None:
    rng = np.random.default_rng(0)
    dense = rng.random((12, 30, 40)) < 0.15
    dense[:6, 5:20, 5:30] = True
    things = Rows.make(Masks.from_dense(dense), [CAR] * 12, score=rng.random(12))
    stuff = rng.integers(0, 2, (30, 40)).astype(np.uint8)
    rows = merge_panoptic(things, stuff, TAXONOMY, stuff_area=0)
    total = rows.masks.decode().sum(axis=0)
    assert (total == 1).all()  # stuff fills all that is left
    by_score = {float(s): i for i, s in enumerate(things.score)}
    for i in np.flatnonzero(rows.category == CAR):
        whole = dense[by_score[float(rows.score[i])]]
        assert not (rows.masks.dense(int(i)) & ~whole).any()


class _Given:
    """A segmenter that says what it was given: rows of things and stuff."""

    name, taxonomy = "model/given", TAXONOMY

    def __init__(self, rows: Rows, *, background: bool = False) -> None:
        self.rows = rows
        self.channels = Channels(TAXONOMY, background, distance=True)

    def predict(self, image, prompt=None) -> Prediction:
        return Prediction(Labels((4, 6), rows=self.rows))


def test_a_segmenter_of_rows_becomes_panoptic() -> None:
    things = cars((0, 2), (1, 2), scores=[0.9, 0.8])
    sky = Masks.from_dense(np.ones((4, 6), bool))
    given = Rows.make(
        Masks.concatenate([sky, things.masks]), [SKY, CAR, CAR], score=[1.0, 0.9, 0.8]
    )
    made = PanopticSegmenter(_Given(given), Decoding(stuff_area=4))
    rows = made.predict(np.zeros((4, 6, 3), np.uint8)).labels.rows
    assert rows.category.tolist() == [CAR, SKY]
    assert painted(rows) == [[0, 0, 1, 1, 1, 1]] * 4


@pytest.mark.parametrize("background", [False, True])
def test_unclaimed_pixels_are_void_unless_the_model_knows_a_background(background: bool) -> None:
    given = _Given(cars((0, 2), scores=[0.9]), background=background)
    labels = PanopticSegmenter(given).predict(np.zeros((4, 6, 3), np.uint8)).labels
    assert labels.coverage.full == background
    wanted = [[CAR, CAR, *[BACKGROUND if background else VOID] * 4]] * 4
    assert class_map(labels, TAXONOMY).tolist() == wanted


def test_what_is_void_stays_void_in_the_file_of_an_item(tmp_path: Path) -> None:
    given = _Given(cars((0, 2), scores=[0.9]))
    labels = PanopticSegmenter(given).predict(np.zeros((4, 6, 3), np.uint8)).labels
    save_item(tmp_path / "a.npz", labels)
    again = load_item(tmp_path / "a.npz", "model/given")
    assert again.coverage.area == labels.coverage.area
    assert class_map(again, TAXONOMY).tolist() == class_map(labels, TAXONOMY).tolist()


def test_labels_that_claim_every_pixel_cover_all() -> None:
    given = _Given(cars((0, 6), scores=[0.9]))
    labels = PanopticSegmenter(given).predict(np.zeros((4, 6, 3), np.uint8)).labels
    assert labels.coverage.full
