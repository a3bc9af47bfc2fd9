"""The rule of TIDE, written down plainly over dense masks: the oracle of errors of objects.

Source: Bolya, Foley, Hays, Hoffman 2020, and tidecv (MIT, dbolya/tide at 09eeffb), `quantify.py`,
`ap.py` and `errors/`. `Quirks` are the places where maskloom differs; all of them on is tidecv.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAIN = ("class", "location", "both", "duplicate", "background", "missed")
SPECIAL = ("false positives", "false negatives")


@dataclass(frozen=True)
class Quirks:
    """Where tidecv is questionable.

    Args:
        first_of_equals: of objects of equal IoU the first is taken, not the last as by COCO.
        closed_bounds: IoU of exactly 0.5 is an error of location, of exactly 0.1 background, and
            a crowd excuses above 0.5 only.
        empty_class_counts: a class that the truth does not have counts as AP 0 if it is predicted.
        wrong_first: where errors are put right, wrong predictions come before right ones of equal
            score, whatever their order was.
        recalls_by_division: recalls are k / 100, not multiples of a step.
        special_may_fall: false positives and negatives may cost less than nothing.
    """

    first_of_equals: bool = False
    closed_bounds: bool = False
    empty_class_counts: bool = False
    wrong_first: bool = False
    recalls_by_division: bool = False
    special_may_fall: bool = False


OURS = Quirks()
TIDECV = Quirks(*(True,) * 6)


def iou_table(predicted, truth, *, crowd=False):
    """(D, G) of dense masks."""
    p, t = (
        one.reshape(len(one), predicted.shape[-2] * predicted.shape[-1]).astype(np.int64)
        for one in (predicted, truth)
    )
    shared = p @ t.T
    own = p.sum(1)[:, None]
    union = own + 0 * shared if crowd else own + t.sum(1)[None] - shared
    return np.where(shared > 0, shared / np.maximum(union, 1), 0.0)


def best_of(row, quirks):
    """The place of the highest value."""
    return int(row.argmax() if quirks.first_of_equals else len(row) - 1 - row[::-1].argmax())


class Image:
    """One image judged: `data` of the predictions that count, errors, objects not found.

    Args:
        predictions: of (class, score, mask), in the order of files.
        truth: of (class, mask, crowd); a crowd of class -1 excuses any prediction.
    """

    def __init__(self, predictions, truth, quirks, size):
        self.errors = []
        order = sorted(range(len(predictions)), key=lambda i: -predictions[i][1])
        self.predictions = [predictions[i] for i in order]
        self.objects = [t for t in truth if not t[2]]
        crowds = [t for t in truth if t[2]]
        masks = np.array([p[2] for p in self.predictions]).reshape(-1, *size)
        iou = iou_table(masks, np.array([t[1] for t in self.objects]).reshape(-1, *size))
        classes = np.array([p[0] for p in self.predictions])
        same = classes[:, None] == np.array([t[0] for t in self.objects])[None]
        self.used = [False] * len(self.predictions)
        self.matched = [None] * len(self.objects)
        self._match(iou * same, quirks)
        self._excuse(masks, crowds, quirks, size)
        self._explain(iou, same, quirks)

    def _match(self, own, quirks):
        free = own.copy()
        for d in range(len(self.predictions)):
            if not self.objects:
                return
            g = best_of(free[d], quirks)
            if free[d, g] >= 0.5:
                self.used[d], self.matched[g] = True, d
                free[:, g] = 0

    def _excuse(self, masks, crowds, quirks, size):
        for category, mask, _ in crowds:
            iou = iou_table(masks, np.array([mask]).reshape(1, *size), crowd=True)[:, 0]
            for d, (own, _, _) in enumerate(self.predictions):
                over = iou[d] > 0.5 if quirks.closed_bounds else iou[d] >= 0.5
                if self.used[d] is False and over and category in (own, -1):
                    self.used[d] = None

    def _explain(self, iou, same, quirks):
        """(kind, prediction, object or None) of each error."""
        usable = set()
        for d, used in enumerate(self.used):
            if used is not False:
                continue
            kind, g = self._kind(iou[d], same[d], quirks)
            self.errors.append((kind, d, g))
            if g is not None and self.matched[g] is None:
                usable.add(g)
        self.lost = [g for g, by in enumerate(self.matched) if by is None]
        self.missed = [g for g in self.lost if g not in usable]

    def _kind(self, iou, same, quirks):
        if not self.objects:
            return "background", None
        own, other = iou * same, iou * ~same
        g = best_of(own, quirks)
        if 0.1 <= own[g] < 0.5 or (quirks.closed_bounds and own[g] == 0.5):
            return "location", g
        g = best_of(other, quirks)
        if other[g] >= 0.5:
            return "class", g
        if own.max() >= 0.5:
            return "duplicate", None
        near = iou.max() > 0.1 if quirks.closed_bounds else iou.max() >= 0.1
        return ("both" if near else "background"), None

    def winners(self):
        """The surest error of each object that was not found."""
        best = {}
        for _, d, g in self.errors:
            if g is not None and self.matched[g] is None and g not in best:
                best[g] = d
        return {d: g for g, d in best.items()}


def average_precision(points, positives, quirks):
    """101-point AP of (score, hit) in order."""
    if positives <= 0:
        return 0.0
    points = sorted(points, key=lambda one: -one[0])
    hits = np.cumsum([hit for _, hit in points])
    precision = (hits / (1 + np.arange(len(points)))).tolist()
    recall = hits / positives
    for i in range(len(precision) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    wanted = np.array([k / 100 for k in range(101)])
    if not quirks.recalls_by_division:
        wanted = np.linspace(0.0, 1.0, 101)
    found = np.searchsorted(recall, wanted, side="left")
    return float(np.mean([precision[i] if i < len(precision) else 0.0 for i in found]))


def tide(images, n_classes, quirks=TIDECV, size=(12, 12)):
    """dAP of each error and their numbers; None where there is no AP.

    Args:
        images: of (predictions, truth) as `Image` takes them.
    """
    judged = [Image(*image, quirks, size) for image in images]
    positives = [sum(t[0] == k for one in judged for t in one.objects) for k in range(n_classes)]

    def mean_ap(fix, without=(), *, sort=quirks.wrong_first):
        points = {k: [] for k in range(n_classes)}
        for right in (False, True) if sort else (None,):
            for one in judged:
                kinds = {d: (kind, one.winners().get(d)) for kind, d, _ in one.errors}
                for d, (category, score, _) in enumerate(one.predictions):
                    if one.used[d] is None or (
                        right is not None and bool(one.used[d]) is not right
                    ):
                        continue
                    found = (category, bool(one.used[d]))
                    if d in kinds and (kinds[d][0] == fix or fix == "false positives"):
                        g = kinds[d][1] if fix in ("class", "location") else None
                        found = None if g is None else (one.objects[g][0], True)
                    if found is not None:
                        points[found[0]].append((score, found[1]))
        left = [n - list(without).count(k) for k, n in enumerate(positives)]
        counted = [
            k
            for k in points
            if (left[k] or points[k]) and (positives[k] or quirks.empty_class_counts)
        ]
        values = [average_precision(points[k], left[k], quirks) for k in counted]
        return sum(values) / len(values) if values else None

    base = mean_ap("", sort=False)
    missed = [one.objects[g][0] for one in judged for g in one.missed]
    lost = [one.objects[g][0] for one in judged for g in one.lost]
    fixed = {kind: mean_ap(kind) for kind in MAIN[:-1]}
    fixed["missed"] = mean_ap("", missed)
    fixed["false positives"] = mean_ap("false positives")
    fixed["false negatives"] = mean_ap("", lost)
    gained = {}
    for kind, value in fixed.items():
        gained[kind] = None if value is None or base is None else value - base
        falls = kind in SPECIAL and quirks.special_may_fall
        if gained[kind] is not None and not falls:
            gained[kind] = max(gained[kind], 0.0)
    counts = {kind: sum(e[0] == kind for one in judged for e in one.errors) for kind in MAIN[:-1]}
    counts |= {"missed": len(missed), "false negatives": len(lost)}
    return base, gained, counts
