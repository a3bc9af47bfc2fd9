"""`Masks`: a columnar batch of binary masks as run lengths.

The one stored form of a mask in maskloom, immutable: a thin face over kernels (`runs`, `dense`,
`algebra`, `components`, `rings`, `fill`, `coco_rle`). Facts about masks are in `labels`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskloom.core import (
    algebra,
    coco_rle,
    mask_inputs,
    mask_pixels,
    mask_polygons,
    mask_regions,
    mask_rows,
    rings,
    runs,
)
from maskloom.core.mask_inputs import Columns
from maskloom.errors import MaskError

SegmentBatch = tuple[NDArray[np.int32], NDArray[np.int64]]
_I64, _I32, _U32 = map(np.dtype, (np.int64, np.int32, np.uint32))


@dataclass(frozen=True, eq=False)
class Masks:
    """N binary masks, each cropped to its tight box and coded by column.

    Runs alternate background, foreground down the columns of the crop. The first count
    may be 0, no later one is, and they sum to the crop's area; an empty mask has box
    0, 0, 0, 0 and no counts. So equal masks are equal bytes. Arrays are read-only.

    Args:
        sizes: int64 (N, 2) frames [H, W], each side below 2**31.
        boxes: int32 (N, 4) [x0, y0, x1, y1], pixel edges.
        counts: uint32 (R,) runs of all masks. A crop holds fewer than 2**32 pixels.
        offsets: int64 (N+1,) bounds of each mask's runs in `counts`.

    Foreign arrays must pass `validate` before use.
    """

    sizes: NDArray[np.int64]
    boxes: NDArray[np.int32]
    counts: NDArray[np.uint32]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.boxes)
        for name, dtype, shape in (
            ("sizes", _I64, (n, 2)),
            ("boxes", _I32, (n, 4)),
            ("counts", _U32, (len(self.counts),)),
            ("offsets", _I64, (n + 1,)),
        ):
            given = np.asarray(getattr(self, name))
            if given.dtype != dtype or given.shape != shape:
                seen = f"{given.dtype} {given.shape}"
                raise MaskError(f"not {dtype} {shape}", where=f"Masks.{name}", seen=seen)
            column = np.ascontiguousarray(given).view()
            column.flags.writeable = False
            object.__setattr__(self, name, column)

    @classmethod
    def from_dense(cls, array: ArrayLike | Sequence[NDArray[Any]]) -> Masks:
        """Encode (H, W), (N, H, W) or a list of (H, W), of bools or whole numbers.

        Non-zero is inside. C and Fortran order are both read without a copy.

        Raises:
            MaskError: floats, other shapes, or a crop of 2**32 pixels.
        """
        if isinstance(array, list | tuple) and all(isinstance(a, np.ndarray) for a in array):
            return cls.concatenate([cls(*mask_inputs.dense_to_columns(a)) for a in array])
        return cls(*mask_inputs.dense_to_columns(cast("ArrayLike", array)))

    @classmethod
    def from_id_map(
        cls, ids: ArrayLike, background: int | None = 0
    ) -> tuple[Masks, NDArray[np.int64]]:
        """One mask per id of an integer map (H, W), with the ids in ascending order.

        Args:
            ids: any integer dtype; uint64 up to 2**63 - 1.
            background: the id that gets no mask; None keeps all.
        """
        columns, found = mask_inputs.id_map_to_columns(ids, background)
        return cls(*columns), found

    @classmethod
    def from_coco(cls, segmentations: Sequence[Mapping[str, Any]]) -> Masks:
        """Read COCO run lengths {"size": [H, W], "counts": str, bytes or list of int}.

        Raises:
            MaskError: runs that are garbled, negative or do not sum to the frame.
        """
        return cls(*mask_inputs.coco_to_columns(segmentations))

    @classmethod
    def from_polygons(
        cls, objects: Sequence[Sequence[ArrayLike]], size_hw: ArrayLike, rule: str = "coco"
    ) -> Masks:
        """Rasterise: one mask per object, each a list of rings (n, 2) or x, y, x, y, ...

        Args:
            objects: vertices (x, y) in pixel-edge coordinates; rings close implicitly.
            size_hw: the frame (H, W); what lies outside it is cut off.
            rule: "coco" unions rings as pycocotools fills them; by even-odd parity at pixel
                centres "edge" takes axis-parallel rings with whole corners, "centre" any, "grid"
                any on a 1/64 px grid, "gdal" any with GDAL's ties. "opencv", "opencv-round", "pil",
                "pil-outline" and "skimage" are what those programs paint; see `painters`.

        Raises:
            MaskError: fewer than 3 vertices, or one that is not finite or beyond 2**24.
        """
        return cls(*mask_polygons.polygons_to_columns(objects, size_hw, rule))

    @classmethod
    def empty(cls, n: int, size_hw: ArrayLike) -> Masks:
        """N masks without a pixel."""
        sizes = np.tile(mask_inputs.checked_size(size_hw), (n, 1))
        return cls._from_segments((np.zeros((0, 3), np.int32), np.zeros(n + 1, np.int64)), sizes)

    @classmethod
    def concatenate(cls, parts: Iterable[Masks]) -> Masks:
        """The rows of all parts, in order; frames may differ."""
        return cls(*mask_rows.concatenate([part._columns() for part in parts]))

    @classmethod
    def _from_segments(cls, segments: SegmentBatch, sizes: NDArray[np.int64]) -> Masks:
        return cls(*mask_inputs.segments_to_columns(*segments, sizes))

    def validate(self) -> Masks:
        """Check arrays from outside; returns self.

        Raises:
            MaskError: naming the row, what is wrong, the value seen and the one expected.
        """
        bad, fault, seen, expected = runs.find_fault(
            self.sizes, self.boxes, self.counts, self.offsets
        )
        if bad >= 0:
            what = f"{runs.FAULTS[fault]}; expected {expected}"
            raise MaskError(what, where=f"row {bad}", seen=seen)
        return self

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: int | slice | ArrayLike) -> Masks:
        """Rows by number, slice, index array or bool array; a row or step-1 slice is a view."""
        return Masks(*mask_rows.take(self._columns(), index))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Masks):
            return NotImplemented
        return all(map(cast("Any", np.array_equal), self._columns(), other._columns()))

    def __hash__(self) -> int:
        return hash(tuple(column.tobytes() for column in self._columns()))

    def __repr__(self) -> str:
        frames = [f"{h}x{w}" for h, w in np.unique(self.sizes, axis=0)[:3]]
        return f"Masks({len(self)} in {' '.join(frames)}, {len(self.counts)} runs)"

    def _columns(self) -> Columns:
        return self.sizes, self.boxes, self.counts, self.offsets

    @property
    def areas(self) -> NDArray[np.int64]:
        """(N,) pixels inside each mask."""
        return runs.run_areas(self.counts, self.offsets)

    def segments(self) -> SegmentBatch:
        """Vertical spans (S, 3) int32 [x, y0, y1] sorted by (x, y0), and offsets (N+1)."""
        return runs.runs_to_segments(self.boxes, self.counts, self.offsets)

    def decode(self, order: str = "C") -> NDArray[np.bool_]:
        """(N, H, W) bool; all rows must share a frame. Order "F": each frame is by column."""
        return mask_pixels.decode(self, order)

    def dense(self, i: int, order: str = "C") -> NDArray[np.bool_]:
        """(H, W) bool of row i, in memory order "C" or "F"."""
        return cast("NDArray[np.bool_]", mask_pixels.decode(self[i], order)[0])

    def paint(self, into: NDArray[Any], values: ArrayLike) -> None:
        """Write values[i] into the array (H, W) where mask i is; later rows win."""
        mask_pixels.paint(self, into, values)

    def union(self, other: Masks) -> Masks:
        """Row-wise union; frames must agree row by row."""
        return self._combine(algebra.unite, other)

    def intersection(self, other: Masks) -> Masks:
        """Row-wise intersection."""
        return self._combine(algebra.intersect, other)

    def difference(self, other: Masks) -> Masks:
        """Row-wise: the pixels of self that are not in other."""
        return self._combine(algebra.subtract, other)

    def _combine(self, operation: Callable[..., SegmentBatch], other: Masks) -> Masks:
        mask_regions.check_frames(self, other)
        return self._from_segments(operation(*self.segments(), *other.segments()), self.sizes)

    def complement(self) -> Masks:
        """The rest of each frame, which must hold fewer than 2**32 pixels."""
        return mask_regions.complement(self)

    def merge(self) -> Masks:
        """One row: the union of all; no rows give one row in a frame of 0 x 0."""
        sizes = np.array([mask_regions.common_size(self)], np.int64)
        groups = np.array([0, len(self)], np.int64)
        return self._from_segments(algebra.unite_groups(*self.segments(), groups), sizes)

    def intersections(self, other: Masks) -> NDArray[np.int64]:
        """(N, M) pixels shared by every pair."""
        return mask_regions.intersections(self, other)

    def overlapping(self, other: Masks) -> tuple[NDArray[np.int64], ...]:
        """Pairs that share pixels: (P,) rows of self in rising order, of other, and pixels."""
        return mask_regions.overlapping(self, other)

    def iou(
        self, other: Masks, crowd: ArrayLike | None = None, *, empty: float = 0.0
    ) -> NDArray[np.float64]:
        """(N, M) intersection over union of every pair.

        Args:
            other: M masks in the same frame.
            crowd: bool (M,); in those columns the denominator is the area of self's row.
            empty: the value where that denominator is 0; pycocotools gives 0.

        Source: cocoapi common/maskApi.c, rleIou.
        """
        return mask_regions.iou(self, other, crowd, empty)

    def place(self, dx: ArrayLike, dy: ArrayLike, size_hw: ArrayLike) -> Masks:
        """Move by whole pixels (scalars or one per row) into frames of size_hw; clips."""
        return mask_regions.place(self, dx, dy, size_hw)

    def shift(self, dx: ArrayLike, dy: ArrayLike) -> Masks:
        """Move within the frame; what leaves it is cut off."""
        return mask_regions.place(self, dx, dy, None)

    def crop(self, box: ArrayLike) -> Masks:
        """The masks seen in a window [x0, y0, x1, y1], which may reach past the frame."""
        x0, y0, x1, y1 = mask_regions.checked_box(box)
        return mask_regions.place(self, -x0, -y0, (y1 - y0, x1 - x0))

    def components(self, connectivity: int = 8) -> tuple[Masks, NDArray[np.int64]]:
        """Connected parts as rows of their own, and the row each came from.

        Args:
            connectivity: 4 (edges) or 8 (corners too). Parts are by their first pixel by column.
        """
        return mask_regions.components_of(self, connectivity)

    def holes(self, connectivity: int = 8) -> tuple[Masks, NDArray[np.int64]]:
        """Holes as masks, and the row each is in; `connectivity` is that of the mask.

        A hole is a part of the background, in the other connectivity, that does not
        reach the outside; a bay at the frame's border is none.
        """
        return mask_regions.holes_of(self, connectivity)

    def topology(self, connectivity: int = 8) -> NDArray[np.int64]:
        """(N, 3) number of components, number of holes, area of holes in pixels."""
        return mask_regions.topology(self, connectivity)

    def rings(self, i: int, connectivity: int = 4) -> list[NDArray[np.int32]]:
        """The pixel-edge outline of row i as closed rings (n, 2) [x, y].

        The first corner is not repeated, no three corners are in line. Outer rings have
        positive shoelace area (clockwise on a screen), holes negative; they sum to the
        mask's area. A ring starts at its smallest (x, y), and rings are in that order.

        Args:
            i: row.
            connectivity: 4 gives pixels that share only a corner own rings, 8 joins them.
        """
        diagonal = mask_regions.checked_connectivity(connectivity)
        corners, offsets = rings.trace(self[i].segments()[0], diagonal)
        return np.split(corners, offsets[1:-1]) if len(corners) else []

    def to_coco(self, i: int, compressed: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002
        """{"size": [H, W], "counts": str, or list of int when not compressed} of row i."""
        row = self[i]
        height, width = (int(side) for side in row.sizes[0])
        frame = coco_rle.crop_to_frame(row.boxes[0], row.counts, height, width)
        counts = coco_rle.compress(frame).tobytes().decode() if compressed else frame.tolist()
        return {"size": [height, width], "counts": counts}
