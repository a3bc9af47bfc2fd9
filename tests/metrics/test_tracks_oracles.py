"""TrackEval's metrics, transcribed from JonathonLuiten/TrackEval at 12c8791 (2022-11-29).

`np.float` and `np.int`, which NumPy took out in 1.24, are written as float and int. What is tested
here is where TrackEval itself goes wrong.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

ALPHAS = np.arange(0.05, 0.99, 0.05)
EPS = np.finfo("float").eps
HOTA_ARRAYS = ("HOTA", "DetA", "AssA", "DetRe", "DetPr", "AssRe", "AssPr", "LocA")


def data_of(frames):
    """TrackEval's data of a sequence: frames are (truth ids, predicted ids, similarity)."""
    names = [sorted({int(i) for f in frames for i in f[side]}) for side in (0, 1)]
    ids = [
        [np.array([names[side].index(i) for i in f[side]], int) for f in frames] for side in (0, 1)
    ]
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": len(names[0]), "num_tracker_ids": len(names[1]),
        "num_gt_dets": sum(len(i) for i in ids[0]), "num_tracker_dets": sum(len(i) for i in ids[1]),
        "gt_ids": ids[0], "tracker_ids": ids[1],
        "similarity_scores": [np.asarray(f[2], float).reshape(len(f[0]), len(f[1])) for f in frames],
    }  # fmt: skip


def steps(data):
    return zip(data["gt_ids"], data["tracker_ids"], data["similarity_scores"], strict=True)


def hota(data):
    """`HOTA.eval_sequence`."""
    names = (*HOTA_ARRAYS, "HOTA_TP", "HOTA_FN", "HOTA_FP")
    res = {name: np.zeros(len(ALPHAS)) for name in names}
    if data["num_tracker_dets"] == 0 or data["num_gt_dets"] == 0:
        res["HOTA_FN"] += data["num_gt_dets"]
        res["HOTA_FP"] += data["num_tracker_dets"]
        res["LocA"] += 1
        return res
    potential = np.zeros((data["num_gt_ids"], data["num_tracker_ids"]))
    gt_count = np.zeros((data["num_gt_ids"], 1))
    tracker_count = np.zeros((1, data["num_tracker_ids"]))
    for g, t, similarity in steps(data):
        denominator = (
            similarity.sum(0)[np.newaxis, :] + similarity.sum(1)[:, np.newaxis] - similarity
        )
        sim_iou = np.zeros_like(similarity)
        mask = denominator > 0 + EPS
        sim_iou[mask] = similarity[mask] / denominator[mask]
        potential[g[:, np.newaxis], t[np.newaxis, :]] += sim_iou
        gt_count[g] += 1
        tracker_count[0, t] += 1
    alignment = potential / (gt_count + tracker_count - potential)
    matches = [np.zeros_like(potential) for _ in ALPHAS]
    for g, t, similarity in steps(data):
        if len(g) == 0 or len(t) == 0:
            res["HOTA_FP"] += len(t)
            res["HOTA_FN"] += len(g)
            continue
        score = alignment[g[:, np.newaxis], t[np.newaxis, :]] * similarity
        rows, columns = linear_sum_assignment(-score)
        for a, alpha in enumerate(ALPHAS):
            ok = similarity[rows, columns] >= alpha - EPS
            r, c = rows[ok], columns[ok]
            res["HOTA_TP"][a] += len(r)
            res["HOTA_FN"][a] += len(g) - len(r)
            res["HOTA_FP"][a] += len(t) - len(r)
            if len(r) > 0:
                res["LocA"][a] += sum(similarity[r, c])
                matches[a][g[r], t[c]] += 1
    for a in range(len(ALPHAS)):
        m, tp = matches[a], np.maximum(1, res["HOTA_TP"][a])
        res["AssA"][a] = np.sum(m * (m / np.maximum(1, gt_count + tracker_count - m))) / tp
        res["AssRe"][a] = np.sum(m * (m / np.maximum(1, gt_count))) / tp
        res["AssPr"][a] = np.sum(m * (m / np.maximum(1, tracker_count))) / tp
    res["LocA"] = np.maximum(1e-10, res["LocA"]) / np.maximum(1e-10, res["HOTA_TP"])
    return hota_final(res)


def hota_final(res):
    tp, fn, fp = res["HOTA_TP"], res["HOTA_FN"], res["HOTA_FP"]
    res["DetRe"] = tp / np.maximum(1, tp + fn)
    res["DetPr"] = tp / np.maximum(1, tp + fp)
    res["DetA"] = tp / np.maximum(1, tp + fn + fp)
    res["HOTA"] = np.sqrt(res["DetA"] * res["AssA"])
    return res


def hota_combined(parts):
    """`HOTA.combine_sequences`."""
    res = {name: sum(p[name] for p in parts) for name in ("HOTA_TP", "HOTA_FN", "HOTA_FP")}
    for name in ("AssRe", "AssPr", "AssA"):
        weighted = sum(p[name] * p["HOTA_TP"] for p in parts)
        res[name] = weighted / np.maximum(1.0, res["HOTA_TP"])
    loc = sum(p["LocA"] * p["HOTA_TP"] for p in parts)
    res["LocA"] = np.maximum(1e-10, loc) / np.maximum(1e-10, res["HOTA_TP"])
    return hota_final(res)


CLEAR_COUNTS = ("CLR_TP", "CLR_FN", "CLR_FP", "IDSW", "MT", "PT", "ML", "Frag", "MOTP_sum")

CLEAR_RATIOS = ("MOTA", "MOTP", "MODA", "sMOTA")


def clear(data, threshold=0.5):
    """`CLEAR.eval_sequence`."""
    res = dict.fromkeys((*CLEAR_COUNTS, *CLEAR_RATIOS), 0)
    if data["num_tracker_dets"] == 0:
        return {**res, "CLR_FN": data["num_gt_dets"], "ML": data["num_gt_ids"]}
    if data["num_gt_dets"] == 0:
        return {**res, "CLR_FP": data["num_tracker_dets"]}
    n = data["num_gt_ids"]
    count, matched, frag = np.zeros(n), np.zeros(n), np.zeros(n)
    prev, prev_step = np.nan * np.zeros(n), np.nan * np.zeros(n)
    for g, t, similarity in steps(data):
        if len(g) == 0:
            res["CLR_FP"] += len(t)
            continue
        if len(t) == 0:
            res["CLR_FN"] += len(g)
            count[g] += 1
            continue
        score = 1000 * (t[np.newaxis, :] == prev_step[g[:, np.newaxis]]) + similarity
        score[similarity < threshold - EPS] = 0
        rows, columns = linear_sum_assignment(-score)
        ok = score[rows, columns] > 0 + EPS
        rows, columns = rows[ok], columns[ok]
        mg, mt = g[rows], t[columns]
        before = prev[mg]
        res["IDSW"] += np.sum(np.logical_not(np.isnan(before)) & np.not_equal(mt, before))
        count[g] += 1
        matched[mg] += 1
        untracked = np.isnan(prev_step)
        prev[mg] = mt
        prev_step[:] = np.nan
        prev_step[mg] = mt
        frag += np.logical_and(untracked, np.logical_not(np.isnan(prev_step)))
        res["CLR_TP"] += len(mg)
        res["CLR_FN"] += len(g) - len(mg)
        res["CLR_FP"] += len(t) - len(mg)
        res["MOTP_sum"] += sum(similarity[rows, columns])
    ratio = matched[count > 0] / count[count > 0]
    res["MT"] = np.sum(np.greater(ratio, 0.8))
    res["PT"] = np.sum(np.greater_equal(ratio, 0.2)) - res["MT"]
    res["ML"] = n - res["MT"] - res["PT"]
    res["Frag"] = np.sum(np.subtract(frag[frag > 0], 1))
    return clear_final(res)


def clear_final(res):
    true = np.maximum(1.0, res["CLR_TP"] + res["CLR_FN"])
    res["MODA"] = (res["CLR_TP"] - res["CLR_FP"]) / true
    res["MOTA"] = (res["CLR_TP"] - res["CLR_FP"] - res["IDSW"]) / true
    res["MOTP"] = res["MOTP_sum"] / np.maximum(1.0, res["CLR_TP"])
    res["sMOTA"] = (res["MOTP_sum"] - res["CLR_FP"] - res["IDSW"]) / true
    return res


def clear_combined(parts):
    """`CLEAR.combine_sequences`."""
    return clear_final({name: sum(p[name] for p in parts) for name in CLEAR_COUNTS})


def identity(data, threshold=0.5):
    """`Identity.eval_sequence`."""
    if data["num_tracker_dets"] == 0 or data["num_gt_dets"] == 0:
        return identity_final(
            {"IDTP": 0, "IDFN": data["num_gt_dets"], "IDFP": data["num_tracker_dets"]}
        )
    n, m = data["num_gt_ids"], data["num_tracker_ids"]
    potential, gt_count, tracker_count = np.zeros((n, m)), np.zeros(n), np.zeros(m)
    for g, t, similarity in steps(data):
        i, j = np.nonzero(np.greater_equal(similarity, threshold))
        potential[g[i], t[j]] += 1
        gt_count[g] += 1
        tracker_count[t] += 1
    fp, fn = np.zeros((n + m, n + m)), np.zeros((n + m, n + m))
    fp[n:, :m], fn[:n, m:] = 1e10, 1e10
    for i in range(n):
        fn[i, :m] = fn[i, m + i] = gt_count[i]
    for j in range(m):
        fp[:n, j] = fp[j + n, j] = tracker_count[j]
    fn[:n, :m] -= potential
    fp[:n, :m] -= potential
    rows, columns = linear_sum_assignment(fn + fp)
    idfn, idfp = int(fn[rows, columns].sum()), int(fp[rows, columns].sum())
    return identity_final({"IDTP": int(gt_count.sum()) - idfn, "IDFN": idfn, "IDFP": idfp})


def identity_final(res):
    res["IDR"] = res["IDTP"] / np.maximum(1.0, res["IDTP"] + res["IDFN"])
    res["IDP"] = res["IDTP"] / np.maximum(1.0, res["IDTP"] + res["IDFP"])
    below = np.maximum(1.0, res["IDTP"] + 0.5 * res["IDFP"] + 0.5 * res["IDFN"])
    res["IDF1"] = res["IDTP"] / below
    return res


def identity_combined(parts):
    """`Identity.combine_sequences`."""
    return identity_final({n: sum(p[n] for p in parts) for n in ("IDTP", "IDFN", "IDFP")})


def test_trackeval_places_what_it_never_matched_perfectly():
    """IoU 1/2 at best: LocA is 1/2 up to alpha 0.5, and 1 at the nine thresholds above it."""
    found = hota(data_of([([1], [1], [[0.5]])]))
    np.testing.assert_allclose(found["LocA"], [0.5] * 10 + [1.0] * 9)
    assert found["LocA"].mean() > 0.7


def test_trackeval_scores_a_sequence_without_anything_as_zero_and_as_placed_perfectly():
    found = hota(data_of([([], [], [])]))
    assert found["HOTA"].max() == 0.0
    assert found["LocA"].min() == 1.0


def test_trackeval_gives_minus_the_number_of_false_alarms_for_mota_without_truth():
    """One sequence alone has 0; combined, even of one sequence, it is -3 and no share of anything."""
    alone = clear(data_of([([], [1, 2, 3], [])]))
    assert alone["MOTA"] == 0
    assert clear_combined([alone])["MOTA"] == -3.0


def test_trackeval_gives_zero_for_mota_of_a_sequence_without_predictions():
    """That is what the formula gives; motp, a mean over no match, is 0 too."""
    found = clear(data_of([([1], [], [])]))
    assert (found["MOTA"], found["MOTP"]) == (0, 0)
