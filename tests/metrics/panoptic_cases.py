"""Panoptic cases as dense id maps, and panopticapi's published steps over them, written afresh.

An image is (truth ids, {id: (category, crowd)}, predicted ids, {id: (category, False)}); id 0 is
void in the truth and nothing in the prediction.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy

VOID_CATEGORY = 5
TAXONOMY = Taxonomy((
    Category("cat", "cat"), Category("dog", "dog"), Category("owl", "owl"),
    Category("sky", "sky", kind="stuff"), Category("sea", "sea", kind="stuff"),
    Category("void", "void", void=True),
))  # fmt: skip
THINGS, STUFF = (0, 1, 2), (3, 4)


def oracle(images, categories):
    """{category: (sum of IoU, tp, fp, fn)} by panopticapi's rule, pixel by pixel."""
    stat = {k: [0.0, 0, 0, 0] for k in categories}
    for truth, truth_info, predicted, predicted_info in images:
        shared = Counter(zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True))
        areas = Counter(truth.ravel().tolist()), Counter(predicted.ravel().tolist())
        found, used = set(), set()
        for (t, p), pixels in shared.items():
            if t == 0 or p == 0 or truth_info[t][1] or truth_info[t][0] != predicted_info[p][0]:
                continue
            iou = pixels / (areas[0][t] + areas[1][p] - pixels - shared[0, p])
            if iou > 0.5:
                row = stat[truth_info[t][0]]
                row[0], row[1] = row[0] + iou, row[1] + 1
                found.add(t)
                used.add(p)
        crowd_of = {}
        for t in [t for t in truth_info if t not in found]:
            category, crowd = truth_info[t]
            stat[category][3] += not crowd
            if crowd:
                crowd_of[category] = t
        for p in [p for p in predicted_info if p not in used]:
            category = predicted_info[p][0]
            lost = shared[0, p] + shared[crowd_of.get(category, -1), p]
            stat[category][2] += not lost / areas[1][p] > 0.5
    return stat


def oracle_means(stat, categories):
    """(pq, sq, rq) averaged as panopticapi does; None where no category occurs."""
    rows = []
    for k in categories:
        iou, tp, fp, fn = stat[k]
        if tp + fp + fn:
            total = tp + 0.5 * fp + 0.5 * fn
            rows.append((iou / total, iou / tp if tp else 0.0, tp / total))
    return tuple(float(np.mean(column)) for column in zip(*rows, strict=True)) or (None,) * 3


def rows_of(ids, info, *, pieces=None, extra=()):
    """Rows of an id map in the order of `info`; segments in `pieces` become two rows each.

    `extra` adds (mask, category) rows.
    """
    masks, category, instance, crowd = [], [], [], []
    for i, (k, flag) in info.items():
        whole = ids == i
        parts = [whole]
        if pieces is not None and i in pieces:
            y, x = np.argwhere(whole)[len(np.argwhere(whole)) // 2]
            half = whole & (np.arange(whole.size).reshape(whole.shape) < y * whole.shape[1] + x)
            parts = [half, whole & ~half]
        for n, part in enumerate(parts):
            masks.append(part)
            category.append(k)
            # rows of a stuff category have ids of their own, parts of a thing share one
            instance.append(i if k in THINGS else 1000 * i + n)
            crowd.append(flag)
    for mask, k in extra:
        masks.append(mask)
        category.append(k)
        instance.append(10**6 + len(masks))
        crowd.append(False)
    batch = Masks.from_dense(np.array(masks)) if masks else Masks.empty(0, ids.shape)
    return Rows.make(batch, category, instance=instance, crowd=crowd)


def random_image(rng, size=(14, 17)):
    """A truth of boxes of things over bands of stuff with void and crowds, and a jittered copy."""
    truth = np.zeros(size, np.int64)
    info = {}
    place = 1
    for k in STUFF:
        if rng.random() < 0.7:
            top = rng.integers(0, size[0])
            truth[top : top + rng.integers(1, size[0])] = place
            info[place] = (k, bool(rng.random() < 0.1))
            place += 1
    for _ in range(rng.integers(0, 9)):
        y, x = rng.integers(0, size[0]), rng.integers(0, size[1])
        h, w = rng.integers(1, 7, 2)
        truth[y : y + h, x : x + w] = place
        info[place] = (int(rng.choice(THINGS[: rng.integers(1, 4)])), bool(rng.random() < 0.25))
        place += 1
    for _ in range(rng.integers(0, 4)):
        y, x = rng.integers(0, size[0]), rng.integers(0, size[1])
        truth[y : y + rng.integers(1, 6), x : x + rng.integers(1, 9)] = 0
    truth[rng.random(size) < rng.choice([0, 0.05, 0.3])] = 0
    predicted = np.roll(truth, rng.integers(-1, 2, 2), (0, 1))
    noisy = rng.random(size) < rng.choice([0, 0.1, 0.5])
    predicted[noisy] = rng.permutation(predicted[noisy])
    found = {i: (k, False) for i, (k, _) in info.items()}
    for _ in range(rng.integers(0, 3)):
        y, x = rng.integers(0, size[0]), rng.integers(0, size[1])
        predicted[y : y + rng.integers(1, 5), x : x + rng.integers(1, 5)] = place
        found[place] = (int(rng.choice(THINGS)), False)
        place += 1
    for i in list(found):
        if found[i][0] in THINGS and rng.random() < 0.1:
            found[i] = (int(rng.choice(THINGS)), False)
    predicted = one_stuff_each(predicted, found)
    info = {i: info[i] for i in info if (truth == i).any()}
    found = {i: found[i] for i in found if (predicted == i).any()}
    order = rng.permutation(list(info)).tolist()
    return truth, {i: info[i] for i in order}, predicted, found


def one_stuff_each(ids, info):
    """The ids with one id per stuff category."""
    first = {}
    ids = ids.copy()
    for i, (k, _) in info.items():
        if k in STUFF:
            ids[ids == i] = first.setdefault(k, i)
    return ids
