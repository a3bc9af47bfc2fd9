"""Boundary PQ: by hand, against the published steps over random cases, and its properties."""

from __future__ import annotations

import os
import pickle

import cv2
import numpy as np
import pytest
from tests.metrics.panoptic_cases import (
    STUFF,
    TAXONOMY,
    THINGS,
    VOID_CATEGORY,
    oracle_means,
    random_image,
    rows_of,
)

from maskloom.core.masks import Masks
from maskloom.errors import DataError
from maskloom.metrics.judging.families import families_of, make_families
from maskloom.metrics.judging.tally import Tally
from maskloom.metrics.panoptic.family import (
    BAND,
    BOUNDARY_PANOPTIC_METRICS,
    PANOPTIC_METRICS,
    PanopticMetrics,
)
from maskloom.metrics.panoptic.pairs import MapSegments
from maskloom.registry.metrics import METRICS
from maskloom.report.words import meaning

CAT, DOG, SKY = 0, 1, 3
N_CASES = int(os.environ.get("MASKLOOM_FUZZ", "400"))
INSIDE = 10**9  # an id that no segment has


def band_of(mask, ratio):
    """boundary-iou-api `mask_to_boundary`."""
    h, w = mask.shape
    width = max(1, round(ratio * np.sqrt(h**2 + w**2)))
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)
    return mask - eroded[1 : h + 1, 1 : w + 1]


def outlined(ids, info, ratio):
    """The map with the inside of every segment under an id of its own, and areas of bands."""
    out, areas = ids.copy(), {}
    for i in info:
        mask = (out == i).astype(np.uint8)
        band = band_of(mask, ratio)
        out[mask > 0] = INSIDE
        out[band > 0] = i
        areas[i] = int(band.sum())
    return out, areas


def shared_of(truth, predicted):
    pairs, counts = np.unique(
        np.stack([truth.ravel(), predicted.ravel()]), axis=1, return_counts=True
    )
    return {(int(t), int(p)): int(n) for (t, p), n in zip(pairs.T, counts, strict=True)}


def boundary_oracle(images, categories, ratio):
    """boundary-iou-api `pq_compute_single_core` with iou_type "boundary", from dense ids."""
    stat = {k: [0.0, 0, 0, 0] for k in categories}
    for truth, truth_info, predicted, predicted_info in images:
        areas = dict(zip(*np.unique(predicted, return_counts=True), strict=True))
        matched = by_both(truth, truth_info, predicted, predicted_info, ratio)
        for t, _, iou in matched:
            row = stat[truth_info[t][0]]
            row[0], row[1] = row[0] + iou, row[1] + 1
        crowds = {}
        for t in truth_info.keys() - {t for t, _, _ in matched}:
            stat[truth_info[t][0]][3] += not truth_info[t][1]
        for t, (category, crowd) in truth_info.items():
            if crowd:
                crowds[category] = t
        whole = shared_of(truth, predicted)
        for p in predicted_info.keys() - {p for _, p, _ in matched}:
            category = predicted_info[p][0]
            lost = whole.get((0, p), 0) + whole.get((crowds.get(category, -1), p), 0)
            stat[category][2] += not lost / areas[p] > 0.5
    return stat


def by_both(truth, truth_info, predicted, predicted_info, ratio):
    """(true id, predicted id, IoU) of matches: the lesser of the IoU of areas and of bands."""
    sizes = [dict(zip(*np.unique(m, return_counts=True), strict=True)) for m in (truth, predicted)]
    t_lines, t_bands = outlined(truth, truth_info, ratio)
    p_lines, p_bands = outlined(predicted, predicted_info, ratio)
    whole, lines = shared_of(truth, predicted), shared_of(t_lines, p_lines)
    found = []
    for (t, p), pixels in whole.items():
        if t not in truth_info or p not in predicted_info or truth_info[t][1]:
            continue
        if truth_info[t][0] != predicted_info[p][0]:
            continue
        iou = pixels / (sizes[1][p] + sizes[0][t] - pixels - whole.get((0, p), 0))
        both = lines.get((t, p), 0)
        iou = min(iou, both / (p_bands[p] + t_bands[t] - both - lines.get((0, p), 0)))
        if iou > 0.5:
            found.append((t, p, iou))
    return found


def square(size, *boxes):
    """An id map of boxes (y0, x0, y1, x1), the first of id 1."""
    out = np.zeros((size, size), np.int64)
    for i, (y0, x0, y1, x1) in enumerate(boxes):
        out[y0:y1, x0:x1] = i + 1
    return out


def scored(truth, predicted, band=BAND, **kwargs):
    metric = PanopticMetrics(TAXONOMY, band=band)
    metric.update(truth, predicted, **kwargs)
    return metric.result()


def test_a_band_of_one_pixel_by_hand():
    info = {1: (CAT, False)}
    truth, predicted = square(20, (2, 2, 12, 12)), square(20, (2, 2, 12, 13))
    found = scored(rows_of(truth, info), rows_of(predicted, info))
    # bands of 36 and 38 px share the two long sides and the left one: 10 + 10 + 8
    assert found.metrics["boundary_pq"] == pytest.approx(28 / (36 + 38 - 28))
    assert found.per_class["cat"]["boundary_sq"] == pytest.approx(28 / 46)
    assert set(found.metrics) == set(BOUNDARY_PANOPTIC_METRICS)
    area = PanopticMetrics(TAXONOMY)
    area.update(rows_of(truth, info), rows_of(predicted, info))
    assert area.result().metrics["pq"] == pytest.approx(100 / 110)


def test_an_outline_that_is_off_is_no_match_though_the_area_is_right():
    info = {1: (CAT, False)}
    truth, predicted = square(40, (4, 4, 36, 36)), square(40, (6, 6, 34, 34))
    found = scored(rows_of(truth, info), rows_of(predicted, info)).per_class["cat"]
    assert (found["tp"], found["fp"], found["fn"]) == (0, 1, 1)
    area = PanopticMetrics(TAXONOMY)
    area.update(rows_of(truth, info), rows_of(predicted, info))
    assert area.result().per_class["cat"]["tp"] == 1


def test_a_small_segment_is_all_band_and_scores_as_by_area():
    info = {1: (CAT, False)}
    truth, predicted = square(9, (1, 1, 3, 4)), square(9, (1, 1, 3, 3))
    assert scored(rows_of(truth, info), rows_of(predicted, info)).metrics["boundary_pq"] == 4 / 6


def test_the_band_of_a_prediction_on_void_leaves_the_union():
    info = {1: (CAT, False)}
    truth = square(30, (5, 5, 20, 20))
    predicted = square(30, (5, 5, 20, 25))
    void = np.zeros((30, 30), bool)
    void[:, 20:] = True
    wanted = (15 + 14 + 14) / (56 + 66 - 43 - (5 + 5 + 13))
    row = rows_of(truth, info, extra=[(void, VOID_CATEGORY)])
    assert scored(row, rows_of(predicted, info)).metrics["boundary_pq"] == pytest.approx(wanted)
    area = scored(rows_of(truth, info), rows_of(predicted, info), ignore=Masks.from_dense(void))
    assert area.metrics["boundary_pq"] == pytest.approx(wanted)
    unlisted = scored(rows_of(truth, info), rows_of(predicted, info), unlabelled=(DOG,))
    assert unlisted.metrics["boundary_pq"] == pytest.approx(wanted)


def test_nothing_on_either_side_is_undefined_with_a_reason():
    found = scored(rows_of(np.zeros((1, 2), int), {}), rows_of(np.zeros((1, 2), int), {}))
    assert set(found.metrics.values()) == {None}
    assert set(found.reasons) == set(BOUNDARY_PANOPTIC_METRICS)


# -- the published algorithm over random cases --------------------------------------------------


def cases(n):
    """Images of some sizes with void, crowds and jitter, and a width of bands for each."""
    for seed in range(n):
        rng = np.random.default_rng(seed)
        size = tuple(int(v) for v in rng.integers(6, 40, 2))
        yield rng, [random_image(rng, size)], float(rng.choice([0.02, 0.02, 0.05, 0.1, 0.3]))


def as_rows(image, how):
    truth, info, predicted, found = image
    void = truth == 0
    extra = [(void, VOID_CATEGORY)] if how == "row" and void.any() else []
    ignore = Masks.from_dense(void) if how == "area" else None
    return (rows_of(truth, info, extra=extra), rows_of(predicted, found)), {"ignore": ignore}


def test_random_cases_equal_the_published_algorithm():
    seen, void, by_area = np.zeros(4), 0, 0
    for rng, images, ratio in cases(N_CASES):
        metric, area = PanopticMetrics(TAXONOMY, band=ratio), PanopticMetrics(TAXONOMY)
        sides, said = as_rows(images[0], str(rng.choice(["row", "area"])))
        metric.update(*sides, **said)
        area.update(*sides, **said)
        wanted = boundary_oracle(images, range(len(TAXONOMY)), ratio)
        found = metric.result()
        for k in (*THINGS, *STUFF):
            row = found.per_class[TAXONOMY[k].key]
            assert [row["tp"], row["fp"], row["fn"]] == wanted[k][1:], (ratio, images)
        for of, categories in (("", (*THINGS, *STUFF)), ("_things", THINGS), ("_stuff", STUFF)):
            means = [found.metrics[f"boundary_{q}{of}"] for q in ("pq", "sq", "rq")]
            assert means == pytest.approx(list(oracle_means(wanted, categories)), abs=1e-12)
        seen += np.sum([wanted[k] for k in wanted], axis=0)
        nothing = [(np.where(t == 0, 999, t), {**i, 999: (VOID_CATEGORY, True)}, p, f)
                   for t, i, p, f in images]  # fmt: skip
        void += boundary_oracle(nothing, range(len(TAXONOMY)), ratio) != wanted
        by_area += area.result().metrics["pq"] != found.metrics["boundary_pq"]
    assert (seen > N_CASES // 2).all()
    assert min(void, by_area) > N_CASES // 8  # void and bands matter, else this proves nothing


def test_no_score_is_above_that_by_area_and_truth_against_itself_is_one():
    for _, images, ratio in cases(100):
        sides, said = as_rows(images[0], "area")
        outline, area = PanopticMetrics(TAXONOMY, band=ratio), PanopticMetrics(TAXONOMY)
        outline.update(*sides, **said)
        area.update(*sides, **said)
        assert (outline.counts.tp <= area.counts.tp).all()
        assert all(o <= a for o, a in zip(outline.counts.iou, area.counts.iou, strict=True))
        truth, info = images[0][:2]
        plain = rows_of(truth, {i: (k, False) for i, (k, _) in info.items()})
        same = scored(plain, plain, ratio, ignore=Masks.from_dense(truth == 0))
        assert set(same.metrics.values()) <= {1.0, None}


def test_workers_states_and_resamples_agree():
    samples = [as_rows(images[0], "area") for _, images, _ in cases(40)]
    whole = PanopticMetrics(TAXONOMY, band=BAND)
    parts = [PanopticMetrics(TAXONOMY, band=BAND) for _ in range(3)]
    for i, (sides, said) in enumerate(samples):
        own = whole.update(*sides, **said)
        assert set(own) == {"boundary_pq", "boundary_sq", "boundary_rq", "tp", "fp", "fn"}
        parts[i % 3].update(*sides, **said, order=i)
    merged = PanopticMetrics(TAXONOMY, band=BAND)
    for part in parts[::-1]:
        loaded = PanopticMetrics(TAXONOMY, band=BAND)
        loaded.load(pickle.loads(pickle.dumps(part.state())))
        merged.merge(loaded)
    assert merged.result().metrics == whole.result().metrics
    once = merged.resampled(np.ones((1, len(samples)), np.int64), np.arange(len(samples)))
    assert set(once) == set(BOUNDARY_PANOPTIC_METRICS)
    for name, value in whole.result().metrics.items():
        assert once[name][0] == pytest.approx(value, abs=1e-12)


# -- id maps -----------------------------------------------------------------------------------


def listed(info):
    return MapSegments.make(
        list(info), [k for k, _ in info.values()], [c for _, c in info.values()]
    )


@pytest.mark.parametrize("band", [None, BAND])
def test_id_maps_give_the_bits_of_their_rows(band):
    for rng, images, _ in cases(N_CASES):
        truth, info, predicted, found = images[0]
        if rng.random() < 0.3:  # segments without a pixel, several of a stuff category, void ones
            info = {**info, 801: (CAT, False), 802: (SKY, False)}
            found = {**found, 803: (DOG, False), 804: (VOID_CATEGORY, False)}
            truth[0, 0], predicted[-1, -1], predicted[0, 0] = 802, 804, 0
        maps = [m.astype(str(rng.choice(["u2", "i4", "u4", "i8"]))) for m in (truth, predicted)]
        void = 0 if rng.random() < 0.7 else None
        one, other = PanopticMetrics(TAXONOMY, band=band), PanopticMetrics(TAXONOMY, band=band)
        own = one.update_maps(tuple(maps), (listed(info), listed(found)), void=void)
        rows = [rows_of(ids, of) for ids, of in ((truth, info), (predicted, found))]
        # `rows_of` numbers stuff anew, one row each, as ids of a map are
        ignore = None if void is None else Masks.from_dense(truth == 0)
        assert own == other.update(*rows, ignore=ignore)
        for name, array in one.state().items():
            np.testing.assert_array_equal(array, other.state()[name], err_msg=name)
        assert one.result().metrics == other.result().metrics
        assert one.result().notes == other.result().notes


@pytest.mark.parametrize("band", [None, BAND])
def test_an_id_of_void_that_is_a_segment_of_the_truth_is_refused(band):
    ids = np.array([[7, 7, 9, 9]])
    both, one = MapSegments.make([7, 9], [CAT, CAT]), MapSegments.make([7], [CAT])
    metric = PanopticMetrics(TAXONOMY, band=band)
    with pytest.raises(DataError, match="id of void is listed among the segments of the truth"):
        metric.update_maps((ids, ids), (both, both), void=9, where="here")
    # one of a void category says the same twice, and a prediction may have that id
    said = MapSegments.make([7, 9], [CAT, VOID_CATEGORY])
    given = {"void": 9}
    assert metric.update_maps((ids, ids), (said, both), **given) == metric.update_maps(
        (ids, ids), (one, both), **given
    )
    assert metric.result().per_class["cat"]["fn"] == 0


def test_names_of_both_kinds_go_together():
    assert [f"boundary_{name}" for name in PANOPTIC_METRICS] == list(BOUNDARY_PANOPTIC_METRICS)


def test_boundary_scores_are_counted_where_they_are_named():
    assert "outlined" not in families_of("panoptic")
    named = families_of("panoptic", ("boundary_rq_stuff",))
    assert "outlined" in named
    tally = Tally(make_families(named, TAXONOMY))
    assert isinstance(tally.families["outlined"], PanopticMetrics)
    assert tally.families["outlined"].band == BAND
    for name in BOUNDARY_PANOPTIC_METRICS:
        assert METRICS[name].task == ("panoptic",)
        assert meaning(name).label.startswith("Boundary ")


def test_maps_and_lists_of_segments_that_do_not_fit_are_refused():
    metric, cat = PanopticMetrics(TAXONOMY), MapSegments.make([7], [CAT])
    ours = np.array([[7, 0]])
    with pytest.raises(DataError, match=r"im3.*the truth has an id that its segments do not list"):
        metric.update_maps((ours + 1, ours), (cat, cat), where="im3")
    with pytest.raises(DataError, match="the prediction has an id"):
        metric.update_maps((ours, ours + 1), (cat, cat))
    with pytest.raises(DataError, match="a category that the taxonomy does not have"):
        metric.update_maps((ours, ours), (cat, MapSegments.make([7], [99])))
    with pytest.raises(DataError, match="differ in size"):
        metric.update_maps((ours, ours.T), (cat, cat))
    for wrong in ([7, 7], [0, 1]):
        with pytest.raises(DataError, match="all different and not 0"):
            MapSegments.make(wrong, [CAT, CAT])
    with pytest.raises(DataError, match="an id, a category and a crowd flag each"):
        MapSegments.make([1, 2], [CAT])
    assert metric.samples == 0
