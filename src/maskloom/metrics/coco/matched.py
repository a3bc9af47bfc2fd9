"""Matching of a whole data set, a block of images at a time, so that memory stays bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from maskloom.core.coco_rle import FAULTS
from maskloom.core.kernel import Ints, Rows
from maskloom.errors import MaskError
from maskloom.metrics.boundary.bands import band_widths
from maskloom.metrics.coco.boundaries import lesser_iou, line_bands
from maskloom.metrics.coco.columns import Found, MatchRules, Truth
from maskloom.metrics.coco.ends import read_ends
from maskloom.metrics.coco.near import Lines, near_boxes, near_masks
from maskloom.metrics.coco.order import by_falling_score, by_value, meets, rank_in_group
from maskloom.metrics.objects.matching import Flags, Floats, match_into

BITS = 16
"""IoU levels that are matched at once."""
BLOCK = 4096
"""Detections in memory at once and thread, or those of one image."""
Pairs = tuple[Ints, Ints, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """The detections that were matched, by image, category and falling score.

    Args:
        rows: (N,) of the table of detections.
        truth_rows: (G,) of the table of objects, by image and category.
        image, category, rank, score: (N,) of each; the rank counts from 0 in its image and class.
        hit, drop: (C, N, A) uint16, bit t of part c set for level 16 c + t.
        ignored: (A, G) objects that do not count.
        truth_image, truth_category: (G,).
        by_score: (N,) the order by category and falling score, equal ones by image and rank.
        categories: (K+1,) where each category begins in that order.
    """

    rows: Rows
    truth_rows: Rows
    image: Rows
    category: Rows
    rank: Rows
    score: Floats
    hit: NDArray[np.uint16]
    drop: NDArray[np.uint16]
    ignored: Flags
    truth_image: Rows
    truth_category: Rows
    by_score: Rows
    categories: Ints


class Matching:
    """Truth and detections of a data set, sorted, ready to be matched.

    Args:
        truth, found: its objects.
        sizes: (I, 2) frames [H, W] of the images.
        rules: how to match.
    """

    def __init__(self, truth: Truth, found: Found, sizes: Ints, rules: MatchRules) -> None:
        self.truth, self.found, self.rules = truth, found, rules
        self._memory = threading.local()
        self.sizes, self.pixels = sizes, sizes[:, 0] * sizes[:, 1]
        self.widths = band_widths(sizes, rules.reach)
        n, one = len(sizes), rules.categories == 1
        category = np.zeros_like(found.category) if one else found.category
        truth_category = np.zeros_like(truth.category) if one else truth.category
        k = int(max(found.category.max(initial=0), truth.category.max(initial=0))) + 1
        rows, scored = _sorted_rows(found, category, n, k)
        own, _ = by_value(np.arange(len(truth.image), dtype=np.int32), truth.category, k)
        self.truth_rows, self.truth_firsts = by_value(own, truth.image, n)
        places = (found.image, category)
        rank = rank_in_group(rows, *places)
        kept = rank < rules.most
        self.rows, self.rank = rows[kept], rank[kept]
        at = np.full(len(found.image), -1, np.int32)
        at[self.rows] = np.arange(len(self.rows), dtype=np.int32)
        scored = at[scored]
        self.by_score = scored[scored >= 0]
        self.image, self.category = found.image[self.rows], category[self.rows]
        self.truth_image = truth.image[self.truth_rows]
        self.truth_category = truth_category[self.truth_rows]
        self.wanted = meets(self.rows, self.truth_rows, places, (truth.image, truth_category))
        area = truth.area[self.truth_rows]
        low, high = rules.areas.T[:, :, None]
        self.ignored = truth.ignore[self.truth_rows] | (area < low) | (area > high)

    def run(self) -> Matched:
        """Match all images.

        Raises:
            MaskError: a string that is no mask of its frame.
        """
        n, areas = len(self.rows), len(self.rules.areas)
        parts = -(-len(self.rules.levels) // BITS)
        hit = np.zeros((parts, n, areas), np.uint16)
        drop = np.zeros((parts, n, areas), np.uint16)

        def match(span: tuple[int, int]) -> None:
            pairs, outside, objects = self.block(*span)
            for c in range(parts):
                own = slice(*span)
                out = (hit[c, own], drop[c, own])
                self.match_block(span, objects, (pairs, outside), c, out)

        if self.rules.threads == 1:
            for span in self.spans():
                match(span)
        else:
            with ThreadPoolExecutor(self.rules.threads) as pool:
                list(pool.map(match, self.spans()))
        k = np.arange(self.rules.categories + 1)
        return Matched(
            self.rows,
            self.truth_rows,
            self.image,
            self.category,
            self.rank,
            self.found.score[self.rows],
            hit,
            drop,
            self.ignored,
            self.truth_image,
            self.truth_category,
            self.by_score,
            np.searchsorted(self.category[self.by_score], k).astype(np.int64),
        )

    def match_block(
        self,
        span: tuple[int, int],
        objects: slice,
        block: tuple[Pairs, Flags],
        part: int,
        out: tuple[NDArray[np.uint16], NDArray[np.uint16]],
        partner: NDArray[np.int32] | None = None,
    ) -> None:
        """Match one block at the levels of one part; `partner` is set if it is given."""
        levels = self.rules.levels[part * BITS : (part + 1) * BITS]
        rows = self.truth_rows[objects]
        unseen = (self.truth.ids[rows] == 0, self.found.ids[self.rows[slice(*span)]] <= 0)
        truth = (self.truth.crowd[rows], np.ascontiguousarray(self.ignored[:, objects]))
        nobody = np.zeros((0, 0, 0), np.int32) if partner is None else partner
        match_into(block[0], truth, block[1], levels, unseen, out, nobody)

    def spans(self) -> Iterator[tuple[int, int]]:
        """Bounds of blocks, between images."""
        edges = np.flatnonzero(np.diff(self.image, prepend=-1, append=-1))
        first = 0
        while first < len(self.image):
            behind = np.searchsorted(edges, first + BLOCK, side="right") - 1
            last = int(edges[max(behind, np.searchsorted(edges, first, side="right"))])
            yield first, last
            first = last

    def block(
        self, first: int, last: int, lowest: float | None = None
    ) -> tuple[Pairs, Flags, slice]:
        """Pairs that overlap in a block, its detections outside of areas, and its objects.

        Args:
            first: where the block begins in `rows`.
            last: behind it.
            lowest: least IoU of a pair; by default the lowest level.
        """
        rules = self.rules
        own = slice(first, last)
        objects = slice(*self.truth_firsts[[self.image[first], self.image[last - 1] + 1]].tolist())
        at = (self.image[own], self.category[own])
        truth_at = (self.truth_image[objects], self.truth_category[objects])
        crowd = self.truth.crowd[self.truth_rows[objects]]
        least = min(rules.levels.min(initial=1.0), 1 - 1e-10) if lowest is None else lowest
        area = self.found.area[self.rows[own]]
        if rules.kind == "bbox":
            found, truth = self._boxes(own, objects)
            pairs = near_boxes(found, at, truth, truth_at, crowd, least)
        else:
            lines, truth_lines = self._lines(own, objects)
            pairs = near_masks(lines, at, truth_lines, truth_at, crowd, least)
            if rules.kind == "boundary":
                frames = self.sizes, self.widths
                bands, truth_bands = (
                    partial(line_bands, own_lines, *(column[images] for column in frames))
                    for own_lines, images in ((lines, at[0]), (truth_lines, truth_at[0]))
                )
                pairs = lesser_iou(pairs, bands, truth_bands, crowd)
            area = np.where(np.isnan(area), lines[3], area)
        low, high = rules.areas.T[:, :, None]
        outside = (area < low) | (area > high)
        if self.found.partial is not None:
            outside |= self.found.partial[self.rows[own]]
        return pairs, outside, objects

    def _boxes(self, own: slice, objects: slice) -> tuple[Floats, Floats]:
        found, truth = self.found.shapes.boxes, self.truth.shapes.boxes
        if found is None or truth is None:
            raise ValueError("no boxes to compare")
        return found[self.rows[own]], truth[self.truth_rows[objects]]

    def _lines(self, own: slice, objects: slice) -> tuple[Lines, Lines]:
        rows, truth_rows = self.rows[own], self.truth_rows[objects]
        lines = self._read("detection", self.found, rows, self.wanted[own])
        wanted = np.ones(len(truth_rows), np.bool_)
        return lines, self._read("annotation", self.truth, truth_rows, wanted)

    def _read(self, what: str, table: Truth | Found, rows: Rows, wanted: Flags) -> Lines:
        if table.shapes.texts is None:
            raise ValueError("no masks to compare")
        # In order of the file, which is the order of strings in memory.
        by = np.argsort(rows)
        text, offsets = table.shapes.texts.block(rows[by])
        pixels = self.pixels[table.image[rows[by]]]
        ends = self._scratch(what, len(text))
        starts, areas, bad, fault = read_ends(text, offsets, pixels, wanted[by], ends)
        if bad >= 0:
            raise MaskError(
                FAULTS[fault],
                where=f"{what} {table.ids[rows[by[bad]]]}, segmentation.counts",
                seen=bytes(text[offsets[bad] : offsets[bad + 1]]).decode("ascii", "replace"),
                hint="write masks as pycocotools.mask.encode does",
            )
        place = np.empty(len(rows), np.int64)
        place[by] = np.arange(len(rows))
        return ends, starts[:-1][place], starts[1:][place], areas[place]

    def _scratch(self, what: str, size: int) -> Rows:
        """Memory of this thread that is used again: fresh pages cost more than what is done."""
        own: Rows | None = getattr(self._memory, what, None)
        if own is None or len(own) < size:
            own = np.empty(size + size // 4, np.int32)
            setattr(self._memory, what, own)
        return own


def _sorted_rows(found: Found, category: Rows, images: int, own: int) -> tuple[Rows, Rows]:
    """Rows by image, category and falling score; and by category and falling score.

    Equal scores come in order of images, then of the file; where all categories are one, in order
    of images, then of the category.
    """
    rows = np.arange(len(found.image), dtype=np.int32)
    if found.gone is not None:
        rows = rows[~found.gone]
    if category is not found.category:
        rows, _ = by_value(rows, found.category, own)
    rows, _ = by_value(rows, found.image, images)
    rows = by_falling_score(rows, found.score)
    by_category, _ = by_value(rows, category, own)
    by_image, _ = by_value(by_category, found.image, images)
    return by_image, by_category
