"""`COCOeval`: evaluation under pycocotools' names, with its numbers.

Source: pycocotools 2.0.11 `cocoeval.COCOeval`; faster-coco-eval 1.8.0 for "boundary" and
`lvis_style`. Deviations: bad input is a `DataError`; `accumulate` takes the categories, areas and
images of other params by their value, where pycocotools takes them by place; annotations are not
changed; `catIds` stay what they are with `useCats` 0; `evalImgs` and `ious` are made when first
looked at.
"""

# ruff: noqa: N802, N803, N815 - names of pycocotools

from __future__ import annotations

import copy
import datetime
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.coco.chosen import chosen_places, matching_of
from maskloom.compat.coco.data import COCO
from maskloom.compat.coco.images import all_ious, image_results
from maskloom.compat.coco.params import Params
from maskloom.compat.coco.results import entry_ids
from maskloom.compat.coco.say import say, timed
from maskloom.compat.coco.summary import summarized
from maskloom.errors import UsageError
from maskloom.metrics.coco.averages import accumulate
from maskloom.metrics.coco.lvis import MOST
from maskloom.metrics.coco.matched import Matched, Matching

_LAZY = {"evalImgs": image_results, "ious": all_ious}


class COCOeval:
    """Compare results with a truth: `evaluate`, `accumulate`, `summarize`.

    Args:
        cocoGt: the truth.
        cocoDt: results on it, of `COCO.loadRes`.
        iouType: "segm", "bbox" or "boundary".
        lvis_style: follow LVIS: detections of categories that an image does not tell of are left
            out, and an image has at most 300.
        threads: that share the images; the numbers are the same.

    Attributes:
        params: what is evaluated; may be changed before `evaluate`.
        eval: after `accumulate`: params, counts [T, R, K, A, M], date, precision and scores
            (T, R, K, A, M), recall (T, K, A, M); -1 where there is no object.
        stats: after `summarize`: the twelve numbers.
        evalImgs: matches by category, area and image.
        ious: (image id, category id) → IoU (D, G).
    """

    evalImgs: Any
    ious: dict[tuple[Any, Any], Any]

    def __init__(
        self,
        cocoGt: COCO | None = None,
        cocoDt: COCO | None = None,
        iouType: str = "segm",
        *,
        lvis_style: bool = False,
        threads: int = 1,
    ) -> None:
        if not iouType:
            say("iouType not specified. use default iouType segm")
        self.cocoGt, self.cocoDt = cocoGt, cocoDt
        self.lvis_style, self.threads = lvis_style, threads
        self.params = Params(iouType=iouType or "segm")
        self.eval: dict[str, Any] = {}
        self.stats: NDArray[np.float64] | list[float] = []
        self.evalImgs, self.ious = defaultdict(list), {}
        self._matching: Matching | None = None
        self._matched: Matched | None = None
        self._paramsEval = self.params
        if lvis_style:
            self.params.maxDets = [MOST]
        if cocoGt is not None:
            self.params.imgIds = sorted(entry_ids("image", cocoGt.images()))
            self.params.catIds = sorted(entry_ids("category", cocoGt.dataset.get("categories", [])))

    def __getattr__(self, name: str) -> Any:
        """`evalImgs` and `ious`, made when they are first looked at."""
        if name in _LAZY and self.__dict__.get("_matching") is not None:
            matching: Any = self._matching
            self.__dict__[name] = _LAZY[name](matching, self._paramsEval)
            return self.__dict__[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def evaluate(self) -> None:
        """Match detections with objects, image by image.

        Raises:
            UsageError: no truth or no results were given.
            DataError: annotations or results that cannot be compared; names the first.
        """
        p = self.params
        if self.cocoGt is None or self.cocoDt is None:
            raise UsageError("evaluation needs a truth and results", where="COCOeval")
        if p.useSegm is not None:
            p.iouType = "segm" if p.useSegm == 1 else "bbox"
            say(f"useSegm (deprecated) is not None. Running {p.iouType} evaluation")
        with timed("Running per image evaluation...", "DONE (t={:0.2f}s)."):
            say(f"Evaluate annotation type *{p.iouType}*")
            p.imgIds = list(np.unique(p.imgIds))
            if p.useCats:
                p.catIds = list(np.unique(p.catIds))
            p.maxDets = sorted(p.maxDets)
            self._matching = matching_of(
                self.cocoGt, self.cocoDt, p, lvis=self.lvis_style, threads=self.threads
            )
            self._matched = self._matching.run()
            for name in _LAZY:
                self.__dict__.pop(name, None)
            self.eval = {}
            self._paramsEval = copy.deepcopy(p)

    def accumulate(self, p: Params | None = None) -> None:
        """Precision and recall of all images.

        Args:
            p: other params: recThrs are free, the rest must have been evaluated.

        Raises:
            UsageError: `evaluate` has not run.
        """
        if self._matched is None:
            say("Please run evaluate() first")
            raise UsageError("there are no matches yet", where="accumulate", hint="call evaluate()")
        with timed("Accumulating evaluation results...", "DONE (t={:0.2f}s)."):
            p = self.params if p is None else p
            done = self._paramsEval
            images, kinds, areas, limits = chosen_places(p, done)
            found = accumulate(
                self._matched,
                np.asarray(p.recThrs, np.float64),
                limits,
                levels=len(done.iouThrs),
                images=images,
                threads=self.threads,
            )
            shape = (len(p.iouThrs), len(p.recThrs), len(kinds), len(areas), len(p.maxDets))
            precision, scores, recall = (
                _filled(values, shape, kinds, areas)
                for values in (found.precision, found.scores, found.recall)
            )
            self.eval = {
                "params": p,
                "counts": list(shape),
                "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
                "precision": precision,
                "recall": recall,
                "scores": scores,
            }

    def summarize(self) -> None:
        """Print the averages, and keep them in `stats`.

        Raises:
            UsageError: `accumulate` has not run.
        """
        if not self.eval:
            raise UsageError("there is nothing to sum up", hint="call accumulate() first")
        frequency = None
        if self.lvis_style and self.cocoGt is not None:
            entries = self.cocoGt.loadCats(self.params.catIds)
            frequency = [one.get("frequency") for one in entries]
        self.stats = summarized(self.params, self.eval, frequency)

    def computeIoU(self, imgId: Any, catId: Any) -> Any:
        """IoU (D, G) of the detections and objects of an image and category; [] without any."""
        return self.ious[imgId, catId]

    def __str__(self) -> str:
        self.summarize()
        return ""


def _filled(
    values: NDArray[np.float64], shape: tuple[int, ...], kinds: list[int], areas: list[int]
) -> NDArray[np.float64]:
    """What is asked for of (T, ..., K, A, M); limits that were not evaluated are -1."""
    if values.shape[-3:] == shape[-3:]:
        return values
    out = np.full((*values.shape[:-3], *shape[-3:]), -1.0)
    out[..., : values.shape[-1]] = values[..., kinds, :, :][..., areas, :]
    return out
