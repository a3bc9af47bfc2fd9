"""Cases of the tools that read COCO masks: pycocotools and faster-coco-eval (see `peer_bugs`)."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np
from benchmarks.peer_cases import check, refused, same, shapes

MODULES = {"pycocotools": "pycocotools.mask", "faster-coco-eval": "faster_coco_eval.core.mask"}
SIZE = (20, 30)


def cases(tool: str) -> list[tuple[str, Callable[[], None]]]:
    """(name, call) of a tool."""
    api = importlib.import_module(MODULES[tool])

    def runs(*counts: int):
        return api.frPyObjects({"size": list(SIZE), "counts": list(counts)}, *SIZE)

    def polygon(*numbers: float, size=SIZE):
        return api.frPyObjects([list(numbers)], *size)

    def order():
        mask = shapes()["parts"].astype(np.uint8)
        same(api.decode(api.encode(np.asfortranarray(mask))), mask)
        try:
            code = api.encode(mask)
        except ValueError:  # in C order it may be refused, but not be read as another mask
            return
        same(api.decode(code), mask)

    def sizes():
        one, other = (
            api.encode(np.asfortranarray(np.ones(size, np.uint8))) for size in ((4, 5), (5, 4))
        )
        refused(lambda: api.merge([one, other]))

    def iou_of_sizes():
        one, other = (
            api.encode(np.asfortranarray(np.ones(size, np.uint8))) for size in ((4, 5), (5, 4))
        )
        refused(lambda: api.iou([one], [other], [0]))

    def areas():
        codes = [api.encode(np.asfortranarray(np.ones((4, 5), np.uint8)))] * 300
        check((np.asarray(api.area(codes)) == 20).all(), "other areas")

    def large():
        code = polygon(0, 0, 10, 0, 10, 10, 0, 10, size=(131072, 131072))
        area = int(np.asarray(api.area(code))[0])
        check(area == 100, f"a square of 10 px has an area of {area}")

    def bow_tie():
        mask = api.decode(polygon(2, 2, 26, 17, 26, 2, 2, 17))[..., 0]
        check(mask[8:11, 3].all() and mask[8:11, 24].all(), "a half is missing")

    return [
        ("cocoapi#91 #654: a mask in C order is the same or refused", order),
        ("cocoapi#659: a square of side 9 has 81 px", lambda: _square(api, polygon)),
        ("cocoapi#369: four numbers are refused as no polygon", lambda: _four(api)),
        ("NaN vertex is refused", lambda: refused(lambda: polygon(1, 1, 5, 1, float("nan"), 5))),
        (
            "insightface#2889: overlong runs are refused",
            lambda: refused(lambda: api.decode(runs(10, 5, 6000))),
        ),
        ("short runs are refused", lambda: refused(lambda: api.decode(runs(10, 5)).sum())),
        ("area of 256 and more masks", areas),
        ("area in a frame of more than 2^32 px", large),
        ("union of masks of other sizes is refused", sizes),
        ("IoU of masks of other sizes is refused", iou_of_sizes),
        ("shapely#462 #599: a bow-tie keeps both halves", bow_tie),
    ]


def _square(api, polygon) -> None:
    area = int(np.asarray(api.area(polygon(0, 0, 0, 9, 9, 9, 9, 0)))[0])
    check(area == 81, f"{area} px")


def _four(api) -> None:
    refused(lambda: api.decode(api.frPyObjects([[1, 2, 3, 4]], *SIZE)).sum(), "polygon", "vert")
