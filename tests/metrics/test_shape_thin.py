"""clDice, skeletons, lengths and sizes: by hand, properties, and the code of the paper."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from skimage.morphology import skeletonize
from tests.metrics.test_shape_oracles import reference_cldice

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.shape.counts import Errors, errors_of, relative_errors
from maskloom.metrics.shape.lengths import checked_spacing, skeleton_length, skeleton_of
from maskloom.metrics.shape.size_metrics import SIZE_METRICS, SizeMetrics
from maskloom.metrics.shape.thin import THIN_RULES, centreline_dice, lines_of
from maskloom.metrics.shape.thin_metrics import THIN_METRICS, ThinMetrics

N_CASES = int(os.environ.get("MASKLOOM_FUZZ", "400"))
VESSELS = Taxonomy((
    Category("artery", "artery"), Category("vein", "vein"), Category("void", "void", void=True)
))  # fmt: skip
REST, VOID = 254, 255


def random_mask(rng, shape):
    """Something like vessels: a walk, thickened, with noise now and then."""
    out = np.zeros(shape, bool)
    at = rng.integers(0, shape)
    for _ in range(int(rng.integers(0, 60))):
        at = np.clip(at + rng.integers(-1, 2, len(shape)), 0, np.array(shape) - 1)
        out[tuple(slice(max(int(a) - 1, 0), int(a) + int(rng.integers(1, 3))) for a in at)] = True
    return out ^ (rng.random(shape) < rng.choice([0, 0, 0.02]))


def masks(n_axes=None):
    for seed in range(N_CASES):
        rng = np.random.default_rng(seed)
        axes = n_axes or 2 + seed % 2
        shape = tuple(rng.integers(2, 24 if axes == 2 else 10, axes))
        yield seed, random_mask(rng, shape), random_mask(rng, shape)


def test_a_line_found_by_a_third():
    truth, predicted = np.zeros((2, 3, 9), bool)
    truth[1], predicted[1, :3] = True, True
    found = centreline_dice(lines_of(truth, predicted))
    assert found == {"cldice": 0.5, "cl_precision": 1.0, "cl_sensitivity": 3 / 9}


def test_the_thickness_of_a_vessel_matters_little():
    thin, thick = np.zeros((2, 9, 30), bool)
    thin[4, 1:29], thick[2:7, 1:29] = True, True
    assert centreline_dice(lines_of(thin, thick))["cldice"] > 0.95


def test_empty_sides_and_lines_that_miss():
    line, none, other = np.zeros((3, 5, 5), bool)
    line[0], other[4] = True, True
    ours, theirs = THIN_RULES["maskloom"], THIN_RULES["cldice"]
    for a, b in ((line, none), (none, line)):
        assert centreline_dice(lines_of(a, b), ours)["cldice"] == 0.0
        assert centreline_dice(lines_of(a, b), theirs)["cldice"] is None
    assert centreline_dice(lines_of(none, none), ours)["cldice"] is None
    assert centreline_dice(lines_of(line, other), ours)["cldice"] == 0.0
    assert centreline_dice(lines_of(line, other), theirs)["cldice"] is None


def test_a_solid_without_a_skeleton_is_undefined_not_zero():
    cube = np.ones((4, 4, 4), bool)
    assert centreline_dice(lines_of(cube, cube)) == dict.fromkeys(
        ("cldice", "cl_precision", "cl_sensitivity")
    )


def test_what_is_not_judged_is_cut_after_thinning():
    truth, predicted = np.zeros((2, 3, 9), bool)
    truth[1, :6], predicted[1] = True, True
    judged = np.ones((3, 9), bool)
    judged[:, 6:] = False
    assert centreline_dice(lines_of(truth, predicted))["cl_precision"] == 6 / 9
    assert centreline_dice(lines_of(truth, predicted, judged))["cldice"] == 1.0


def test_skeletons_are_those_of_scikit_image():
    for seed, mask, _ in masks():
        np.testing.assert_array_equal(skeleton_of(mask), skeletonize(mask), str(seed))
    thin = np.zeros((5, 6, 7), bool)
    thin[2, 1:5, 1:6] = True
    np.testing.assert_array_equal(skeleton_of(thin), skeletonize(thin))
    np.testing.assert_array_equal(skeleton_of(thin[2:3]), skeletonize(thin[2:3]))


def test_the_code_of_the_paper_gives_the_same_cldice():
    for seed, truth, predicted in masks():
        found = centreline_dice(lines_of(truth, predicted), THIN_RULES["cldice"])["cldice"]
        with np.errstate(invalid="ignore"):
            wanted = reference_cldice(predicted, truth)
        if found is None:
            assert np.isnan(wanted), seed
        else:
            assert found == pytest.approx(wanted, abs=1e-12), seed


def test_cldice_is_symmetric_and_a_share():
    for _, truth, predicted in masks(2):
        one, two = (
            centreline_dice(lines_of(truth, predicted)),
            centreline_dice(lines_of(predicted, truth)),
        )
        assert one["cldice"] == (None if two["cldice"] is None else pytest.approx(two["cldice"]))
        assert one["cl_precision"] == two["cl_sensitivity"]
        assert one["cldice"] is None or 0 <= one["cldice"] <= 1


def test_lengths_by_hand():
    assert skeleton_length(np.zeros((4, 4))) == 0.0
    assert skeleton_length(np.ones((1, 1))) == 0.0
    assert skeleton_length(np.ones((1, 6))) == 5.0
    assert skeleton_length(np.ones((1, 6)), (1.0, 0.5)) == 2.5
    assert skeleton_length(np.eye(4)) == pytest.approx(3 * math.sqrt(2))
    assert skeleton_length(np.fliplr(np.eye(4)), (3, 4)) == 15.0
    corner = np.array([[1, 1], [0, 1]])
    assert skeleton_length(corner) == 2.0
    space = np.zeros((3, 3, 3))
    space[range(3), range(3), range(3)] = 1
    assert skeleton_length(space, (2, 3, 6)) == 14.0
    fork = np.array([[1, 0, 1], [0, 1, 0], [0, 1, 0]])
    assert skeleton_length(fork) == pytest.approx(1 + 2 * math.sqrt(2))


def test_length_does_not_change_by_moving_mirroring_or_scaling():
    for _, mask, _ in masks():
        line = skeleton_of(mask)
        length = skeleton_length(line)
        assert skeleton_length(np.flip(line)) == pytest.approx(length)
        assert skeleton_length(line.T) == pytest.approx(length)
        assert skeleton_length(np.pad(line, 3)) == pytest.approx(length)
        assert skeleton_length(line, (2.5,) * line.ndim) == pytest.approx(2.5 * length)


def test_a_spacing_that_does_not_fit_is_refused():
    assert checked_spacing((), 3) == (1.0, 1.0, 1.0)
    for wrong in ((1.0,), (1.0, 0.0), (1.0, math.nan), (1.0, math.inf)):
        with pytest.raises(DataError, match="spacing"):
            checked_spacing(wrong, 2)
    with pytest.raises(DataError, match="image or a volume"):
        skeleton_of(np.ones(4))
    with pytest.raises(DataError, match="image or a volume"):
        skeleton_length(np.ones(4))
    with pytest.raises(DataError, match="differ in size"):
        lines_of(np.ones((2, 2)), np.ones((2, 3)))


def test_errors_by_hand():
    assert errors_of([]) == Errors(None, None, None)
    assert errors_of([3, -1]) == Errors(2.0, math.sqrt(5), 1.0)
    assert relative_errors([2, -1, 5], [4, 2, 0]) == [0.5, 0.5]


def vessel_maps():
    truth, predicted = np.full((2, 5, 12), REST, np.uint8)
    truth[1, :], predicted[1, :6] = 0, 0
    predicted[3, :3] = 1
    return truth, predicted


def test_thin_classes_of_a_class_map_by_hand():
    truth, predicted = vessel_maps()
    metric = ThinMetrics(VESSELS)
    own = metric.update(truth, predicted, spacing=(1.0, 2.0))
    artery = 2 * (6 / 12) / (1 + 6 / 12)
    # the artery is 22 long and 10 were found; the vein is 4 too long
    assert own == {"cldice": artery / 2, "length_error": (12 + 4) / 2}
    found = metric.result()
    assert set(found.metrics) == set(THIN_METRICS)
    assert found.per_class["artery"]["cldice"] == artery
    assert found.per_class["artery"]["length_bias"] == -12.0
    assert found.per_class["vein"]["cldice"] == 0.0
    assert found.per_class["vein"]["cl_sensitivity"] is None
    assert found.notes == ()
    only = ThinMetrics(VESSELS, categories=[0])
    only.update(truth, predicted)
    assert only.result().metrics["cldice"] == artery
    assert only.result().notes == ()


def test_void_of_a_class_map_is_not_judged():
    truth, predicted = vessel_maps()
    truth[3:], truth[:, 6:] = VOID, VOID
    metric = ThinMetrics(VESSELS)
    assert metric.update(truth, predicted)["cldice"] == 1.0
    assert metric.result().per_class["vein"]["reason"] == "absent from truth and prediction"


def test_thin_families_without_a_class_say_why():
    nothing = np.full((3, 3), REST, np.uint8)
    for metric, names in (
        (ThinMetrics(VESSELS), THIN_METRICS),
        (SizeMetrics(VESSELS), SIZE_METRICS),
    ):
        assert set(metric.update(nothing, nothing).values()) == {None}
        found = metric.result()
        assert set(found.metrics.values()) == {None}
        assert set(found.reasons) == set(names)
        assert all("reason" in row for row in found.per_class.values())


def test_a_class_without_a_skeleton_is_counted_in_a_note():
    cube = np.zeros((4, 4, 4), np.uint8)
    metric = ThinMetrics(VESSELS)
    metric.update(cube, cube, spacing=(1, 1, 1))
    found = metric.result()
    assert found.metrics["cldice"] is None
    assert "no skeleton" in found.reasons["cldice"]
    assert found.notes == ("1 times a class has no cldice in a sample, for want of a skeleton",)
    assert found.per_class["artery"]["reason"] == "a skeleton is empty in every sample"


def test_areas_and_volumes_by_hand():
    truth, predicted = vessel_maps()
    metric = SizeMetrics(VESSELS)
    assert metric.update(truth, predicted, spacing=(1.0, 2.0)) == {
        "area_error": (12 + 6) / 2, "area_error_relative": 0.5,
    }  # fmt: skip
    metric.update(truth, truth, spacing=(1.0, 2.0))
    artery = metric.result().per_class["artery"]
    assert (artery["area_error"], artery["area_bias"], artery["area_error_relative"]) == (
        6.0,
        -6.0,
        0.25,
    )
    assert artery["area_rmse"] == pytest.approx(math.sqrt(144 / 2))
    assert metric.result().per_class["vein"]["reason"].startswith("absent from the truth")
    volume = SizeMetrics(VESSELS)
    full, half = np.zeros((2, 2, 2, 2), np.uint8)
    half[0] = REST
    assert volume.update(full, half, spacing=(5, 1, 1))["area_error"] == 20.0


def test_what_is_wrong_with_maps_is_told():
    good = np.zeros((3, 3), np.uint8)
    for metric in (ThinMetrics(VESSELS), SizeMetrics(VESSELS)):
        with pytest.raises(DataError, match="differ in size"):
            metric.update(good, good[:2])
        with pytest.raises(DataError, match="uint8 or uint16"):
            metric.update(good.astype(int), good.astype(int))
        with pytest.raises(DataError, match="spacing"):
            metric.update(good, good, spacing=(1, 1, 1))


@pytest.mark.parametrize("family", [ThinMetrics, SizeMetrics])
def test_workers_merge_to_the_same_bits_and_states_travel(family):
    rng = np.random.default_rng(0)
    images = [
        np.where(rng.random((2, 12, 12)) < 0.5, rng.integers(0, 3, (2, 12, 12)), REST).astype(
            np.uint8
        )
        for _ in range(9)
    ]
    whole, parts = family(VESSELS), [family(VESSELS) for _ in range(3)]
    for i, (truth, predicted) in enumerate(images):
        whole.update(truth, predicted, spacing=(0.3, 0.7))
        parts[i % 3].update(truth, predicted, order=i, spacing=(0.3, 0.7))
    joined = family(VESSELS)
    for part in reversed(parts):
        sent = family(VESSELS)
        sent.load(part.state())
        joined.merge(sent)
    assert joined.result().metrics == whole.result().metrics
    assert joined.result().per_class == whole.result().per_class
    with pytest.raises(ValueError, match="missing"):
        family(VESSELS).load({})
