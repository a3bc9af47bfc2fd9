"""Other people's metrics of objects, transcribed from their sources, and where they go wrong.

- StarDist `stardist/matching.py`, stardist/stardist at 650d3a1 (2025-05-30)
- Cellpose `cellpose/metrics.py`, MouseLand/cellpose at 849ca11 (2026-03-18)
- HoVer-Net `metrics/stats_utils.py`, vqdang/hover_net at 67e2ce5 (2023-10-27)
- clDice `cldice_metric/cldice.py`, jocpae/clDice at 47d31a6 (2024-02-14)

What is tested here are the references themselves: minimal cases where they fail or contradict
their own definition. Comparisons with maskloom are in the other files of this name.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from skimage.metrics import adapted_rand_error
from skimage.morphology import skeletonize
from skimage.segmentation import relabel_sequential


def stardist_matching(y_true, y_pred, thresh):
    """StarDist `matching` with criterion iou: a mapping of its numbers."""
    y_true, y_pred = relabel_sequential(y_true)[0], relabel_sequential(y_pred)[0]
    overlap = np.zeros((1 + y_true.max(), 1 + y_pred.max()), np.uint64)
    np.add.at(overlap, (y_true.ravel(), y_pred.ravel()), 1)
    below = overlap.sum(axis=0, keepdims=True) + overlap.sum(axis=1, keepdims=True) - overlap
    scores = np.zeros(overlap.shape, np.float32)
    np.divide(overlap, below, out=scores, where=np.abs(below) > 1e-10)
    scores = scores[1:, 1:]
    n_true, n_pred = scores.shape
    n_matched = min(n_true, n_pred)
    tp, total = 0, 0.0
    if n_matched > 0:
        costs = -(scores >= thresh).astype(float) - scores / (2 * n_matched)
        true_ind, pred_ind = linear_sum_assignment(costs)
        match_ok = scores[true_ind, pred_ind] >= thresh
        tp, total = np.count_nonzero(match_ok), np.sum(scores[true_ind, pred_ind][match_ok])
    return stardist_scores(tp, n_pred - tp, n_true - tp, float(total))


def stardist_scores(tp, fp, fn, total):
    """What StarDist makes of counts; 0 where a divisor is 0."""

    def divided(x, y):
        return x / y if abs(y) > 1e-10 else 0.0

    return {
        "tp": tp, "fp": fp, "fn": fn,
        "precision": tp / (tp + fp) if tp > 0 else 0,
        "recall": tp / (tp + fn) if tp > 0 else 0,
        "accuracy": tp / (tp + fp + fn) if tp > 0 else 0,
        "f1": (2 * tp) / (2 * tp + fp + fn) if tp > 0 else 0,
        "n_true": tp + fn, "n_pred": tp + fp,
        "mean_true_score": divided(total, tp + fn),
        "mean_matched_score": divided(total, tp),
        "panoptic_quality": divided(total, tp + fp / 2 + fn / 2),
    }  # fmt: skip


def stardist_dataset(images, thresh, *, by_image):
    """StarDist `matching_dataset`."""
    stats = [stardist_matching(t, p, thresh) for t, p in images]
    if by_image:
        return {name: sum(s[name] for s in stats) / len(stats) for name in stats[0]}
    tp, fp, fn = (sum(s[name] for s in stats) for name in ("tp", "fp", "fn"))
    return stardist_scores(tp, fp, fn, sum(s["mean_true_score"] * s["n_true"] for s in stats))


def cellpose_overlap(true, pred):
    ones = np.ones((true.size,), "int")
    return csr_matrix(
        (ones, (true.flatten(), pred.flatten())), shape=(true.max() + 1, pred.max() + 1)
    )


def cellpose_iou(true, pred):
    overlap = cellpose_overlap(true, pred).toarray()
    n_pixels_pred = np.sum(overlap, axis=0, keepdims=True)
    n_pixels_true = np.sum(overlap, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        iou = overlap / (n_pixels_pred + n_pixels_true - overlap)
    iou[np.isnan(iou)] = 0.0
    return iou


def cellpose_true_positive(iou, th):
    n_min = min(iou.shape[0], iou.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        costs = -(iou >= th).astype(float) - iou / (2 * n_min)
    true_ind, pred_ind = linear_sum_assignment(costs)
    return int((iou[true_ind, pred_ind] >= th).sum())


def cellpose_average_precision(true, pred, th):
    """Cellpose `average_precision` of one pair: (ap, tp, fp, fn); ap is NaN for 0 / 0."""
    n_true, n_pred = len(np.unique(true)) - 1, len(np.unique(pred)) - 1
    tp = cellpose_true_positive(cellpose_iou(true, pred)[1:, 1:], th) if n_pred > 0 else 0
    fp, fn = n_pred - tp, n_true - tp
    return tp / (tp + fp + fn) if tp + fp + fn else np.nan, tp, fp, fn


def cellpose_aji(true, pred):
    """Cellpose `aggregated_jaccard_index` of one pair."""
    iou = cellpose_iou(true, pred)[1:, 1:]
    n_min = min(iou.shape[0], iou.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        costs = -(iou >= 0.5).astype(float) - iou / (2 * n_min)
    true_ind, pred_ind = linear_sum_assignment(costs)
    preds = np.zeros(true.max(), "int")
    preds[true_ind] = pred_ind + 1
    inds = np.arange(0, true.max(), 1, int)
    union = np.logical_or(true > 0, pred > 0).sum()
    overlap = cellpose_overlap(true, pred)[inds[preds > 0] + 1, preds[preds > 0].astype(int)]
    return overlap.sum() / union if union else np.nan


def hover_net_pairs(true, pred):
    """(inter, union) tables of HoVer-Net for ids 1, 2, ... without gaps, and both id lists."""
    true_ids, pred_ids = list(np.unique(true)), list(np.unique(pred))
    inter = np.zeros([len(true_ids) - 1, len(pred_ids) - 1], np.float64)
    union = np.zeros_like(inter)
    for t in true_ids[1:]:
        for p in np.unique(pred[true == t]):
            if p == 0:
                continue
            total = (true == t).sum() + (pred == p).sum()
            inter[t - 1, p - 1] = ((true == t) & (pred == p)).sum()
            union[t - 1, p - 1] = total - inter[t - 1, p - 1]
    return inter, union, true_ids, pred_ids


def hover_net_aji(true, pred, *, plus=False):
    """HoVer-Net `get_fast_aji`, or `get_fast_aji_plus`."""
    inter, union, true_ids, pred_ids = hover_net_pairs(true, pred)
    iou = inter / (union + 1.0e-6)
    if plus:
        paired_true, paired_pred = linear_sum_assignment(-iou)
        kept = iou[paired_true, paired_pred] > 0.0
        paired_true, paired_pred = paired_true[kept], paired_pred[kept]
    else:
        paired_pred = np.argmax(iou, axis=1)
        paired_true = np.nonzero(np.max(iou, axis=1) > 0.0)[0]
        paired_pred = paired_pred[paired_true]
    overall_inter = inter[paired_true, paired_pred].sum()
    overall_union = union[paired_true, paired_pred].sum()
    for t in true_ids[1:]:
        overall_union += (true == t).sum() if t - 1 not in paired_true else 0
    for p in pred_ids[1:]:
        overall_union += (pred == p).sum() if p - 1 not in paired_pred else 0
    return overall_inter / overall_union


def reference_cldice(v_p, v_l, thin=skeletonize):
    """clDice of the paper's repository, with the skeleton that it imports as an argument."""

    def cl_score(v, s):
        return np.sum(v * s) / np.sum(s)

    tprec, tsens = cl_score(v_p, thin(v_l)), cl_score(v_l, thin(v_p))
    return 2 * tprec * tsens / (tprec + tsens)


def random_ids(rng, shape, n, *, sparse=False):
    """A map of up to n blocky objects on background; ids from 1 without gaps unless sparse."""
    ids = np.zeros(shape, np.int64)
    for i in range(1, int(rng.integers(0, n + 1)) + 1):
        where = tuple(
            slice(int(a := rng.integers(0, side)), int(a + rng.integers(1, max(2, side // 2 + 1))))
            for side in shape
        )
        ids[where] = i
    ids = relabel_sequential(ids)[0]
    if sparse and rng.random() < 0.5:
        names = np.concatenate([[0], rng.choice(10**6, ids.max(), replace=False) + 1])
        return names[ids]
    return ids


def moved(rng, ids):
    """A prediction that often hits: shifted, with objects lost, cut, joined and added."""
    out = np.roll(ids, rng.integers(-1, 2, ids.ndim), tuple(range(ids.ndim)))
    for i in np.unique(out)[1:]:
        if rng.random() < 0.2:
            out[out == i] = rng.choice(np.unique(out))
    noise = rng.random(ids.shape) < rng.choice([0, 0.05, 0.3])
    out[noise] = rng.integers(0, ids.max() + 3, int(noise.sum()))
    return relabel_sequential(out)[0]


def test_cldice_cannot_be_imported_since_scikit_image_0_26():
    with pytest.raises(ImportError, match="skeletonize_3d"):
        exec("from skimage.morphology import skeletonize, skeletonize_3d")


def test_cldice_calls_sensitivity_precision():
    """The paper's Tprec takes the predicted skeleton; the code's takes the true one."""
    truth, predicted = np.zeros((3, 9), bool), np.zeros((3, 9), bool)
    truth[1], predicted[1, :3] = True, True
    share_of_predicted_skeleton = truth[skeletonize(predicted)].mean()
    assert share_of_predicted_skeleton == 1.0
    tprec = (predicted * skeletonize(truth)).sum() / skeletonize(truth).sum()
    assert tprec == pytest.approx(1 / 3)


def test_cldice_of_an_empty_mask_is_not_a_number():
    line, none = np.ones((1, 5), bool), np.zeros((1, 5), bool)
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(reference_cldice(none, line))


def test_cldice_of_lines_that_miss_each_other_is_not_a_number():
    a, b = np.zeros((5, 5), bool), np.zeros((5, 5), bool)
    a[0], b[4] = True, True
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(reference_cldice(a, b))


@pytest.mark.parametrize("side", [2, 4])
def test_scikit_image_gives_a_cube_of_even_side_no_skeleton(side):
    assert skeletonize(np.ones((side,) * 3, bool)).sum() == 0
    assert skeletonize(np.ones((side + 1,) * 3, bool)).sum() > 0


def test_scikit_image_thins_a_flat_volume_otherwise_than_one_with_a_margin():
    """A volume of one plane is taken for an image: two of the six sides are never peeled."""
    flat = np.array([[[1, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 1, 1, 1], [1, 1, 1, 1, 1]]], bool)
    with_margin = skeletonize(np.pad(flat, 1))[1:-1, 1:-1, 1:-1]
    assert skeletonize(flat).sum() == 4
    assert with_margin.sum() == 3


def test_scikit_image_exchanges_precision_and_recall_of_rand():
    """Its documentation divides precision by the pairs of the prediction; all of those are right."""
    truth, predicted = np.array([[1, 1, 1, 1]]), np.array([[1, 1, 2, 2]])
    _, precision, recall = adapted_rand_error(truth, predicted)
    assert (precision, recall) == (pytest.approx(2 / 6), 1.0)


def test_cellpose_counts_an_object_less_where_no_pixel_is_background():
    full = np.array([[1, 2]])
    assert cellpose_average_precision(full, full, 0.5)[1:] == (2, -1, -1)


def test_hover_net_takes_the_first_object_for_background_where_there_is_none():
    true, pred = np.array([[1, 2]]), np.array([[1, 2]])
    assert len(np.unique(true)[1:]) == 1
    with pytest.raises(IndexError):
        hover_net_aji(true, pred)


def test_hover_net_fails_where_nothing_is_predicted():
    with pytest.raises(ValueError, match="empty sequence"):
        hover_net_aji(np.array([[0, 1]]), np.array([[0, 0]]))


def test_cellpose_aji_changes_with_the_numbers_of_objects_where_ious_are_equal():
    """Both predictions have IoU 1/3, with one and with two pixels: the first is taken."""
    true, pred = np.array([[1, 1, 1, 0, 0, 0]]), np.array([[1, 2, 2, 2, 2, 2]])
    assert cellpose_aji(true, pred) == 1 / 6
    assert cellpose_aji(true, 3 - pred) == 2 / 6
