"""What one layer says about one sample: rows over `Masks`, or one dense class map.

Coverage says where that holds: outside it a pixel is unlabelled, inside it a pixel without a
row is background. Views of one form as the other live in `views.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import DataError

if TYPE_CHECKING:
    from maskloom.core.masks import Masks

VOID = 255
VOID_16 = 65535
BACKGROUND = 254
BACKGROUND_16 = 65534
STALE = frozenset({"area", "bbox", "segmentation"})
"""What `Rows.source` says of the pixels, and is not kept where they change."""


def codes(dtype: np.dtype[Any]) -> tuple[int, int]:
    """(void, background) of a class map's type: uint8 or uint16.

    Raises:
        DataError: another type.
    """
    if dtype == np.uint8:
        return VOID, BACKGROUND
    if dtype == np.uint16:
        return VOID_16, BACKGROUND_16
    raise DataError("a class map is uint8 or uint16", seen=dtype)


def map_dtype(n_categories: int) -> type[np.uint8] | type[np.uint16]:
    """The smallest class-map type for so many categories.

    Raises:
        DataError: more than 65,534 categories.
    """
    if n_categories <= BACKGROUND:
        return np.uint8
    if n_categories <= BACKGROUND_16:
        return np.uint16
    raise DataError("too many categories for a class map", seen=n_categories)


class RowKind(IntEnum):
    """What an author drew."""

    MASK = 0
    BOX = 1
    POINT = 2
    LINE = 3
    SCRIBBLE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """The author's own vertices, verbatim, and the rule under which they become pixels.

    Args:
        parts: arrays (n, 2) float64 of (x, y) in the pixel-edge frame.
        rule: `coco`, `center`, `edge`, `outline`, ... (see `fill.py`).
    """

    parts: tuple[NDArray[np.float64], ...]
    rule: str


_DEFAULTS: dict[str, tuple[Any, Any]] = {
    "kind": (np.uint8, 0),
    "score": (np.float64, np.nan),
    "crowd": (np.bool_, False),
    "z_order": (np.int32, 0),
    "plane": (np.int32, 0),
    "track": (np.int64, -1),
    "parent": (np.int64, -1),
    "amodal_of": (np.int64, -1),
}
"""Columns of `Rows` that need not be given, but for `instance`, which counts from 1."""


def _same(n: int, dtype: Any, value: Any) -> NDArray[Any]:
    """A column of one value; `np.full` takes twice as long where rows are few."""
    column = np.zeros(n, dtype)
    if value:
        column.fill(value)
    return column


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """N annotations as columns; make them with `Rows.make`.

    Args:
        masks: N binary masks of one frame.
        category: (N,) int32 positions in the taxonomy.
        instance: (N,) int64 object ids; rows of one object (parts, planes) share one.
        kind: (N,) uint8 `RowKind`.
        score: (N,) float64 in [0, 1]; NaN where the author gives none. As exact as JSON, because
            scores that differ late in their digits still rank.
        crowd: (N,) bool, a region of many objects.
        z_order: (N,) int32; higher lies in front.
        plane: (N,) int32 slice of a volume; 0 in images.
        track: (N,) int64 identity over a sequence; -1 none.
        parent: (N,) int64 instance id of the object this is part of; -1 none.
        amodal_of: (N,) int64 instance id whose hidden extent this is; -1 none.
        author: N names, or empty where the layer says it.
        attributes: N mappings or None.
        geometry: N `Geometry` or None.
        source: N mappings of the file's own id, area, box and unknown fields, or None.
    """

    masks: Masks
    category: NDArray[np.int32]
    instance: NDArray[np.int64]
    kind: NDArray[np.uint8]
    score: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    z_order: NDArray[np.int32]
    plane: NDArray[np.int32]
    track: NDArray[np.int64]
    parent: NDArray[np.int64]
    amodal_of: NDArray[np.int64]
    author: tuple[str, ...] = ()
    attributes: tuple[Mapping[str, Any] | None, ...] = ()
    geometry: tuple[Geometry | None, ...] = ()
    source: tuple[Mapping[str, Any] | None, ...] = ()

    def __len__(self) -> int:
        return len(self.category)

    @classmethod
    def make(cls, masks: Masks, category: Any, **columns: Any) -> Rows:
        """Rows with defaults for every column not given.

        Raises:
            DataError: a column has another length than the masks.
        """
        n, given = len(masks), tuple(columns)
        values: dict[str, Any] = {
            name: np.ascontiguousarray(columns.pop(name), dtype=dtype)
            if name in columns
            else _same(n, dtype, default)
            for name, (dtype, default) in _DEFAULTS.items()
        }
        values["instance"] = (
            np.ascontiguousarray(columns.pop("instance"), np.int64)
            if "instance" in columns
            else np.arange(1, n + 1, dtype=np.int64)
        )
        lists: dict[str, Any] = {name: tuple(value) for name, value in columns.items()}
        rows = cls(masks, np.ascontiguousarray(category, np.int32), **values, **lists)
        for name in ("category", *given):
            held = len(getattr(rows, name))
            if held != n and (held or name not in lists):
                raise DataError(
                    f"column {name!r} does not have one value per mask",
                    seen=f"{held} values, {n} masks",
                )
        return rows

    def take(self, index: Any) -> Rows:
        """The rows of an index array, a boolean array or a slice, in that order."""
        positions = np.arange(len(self))[index]
        chosen: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, tuple):
                chosen[f.name] = tuple(value[i] for i in positions) if value else ()
            else:
                chosen[f.name] = value[positions]
        return Rows(**chosen)


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """What was labelled exhaustively.

    Args:
        categories: keys of the categories looked for; None is all.
        area: one mask row of the part of the frame looked at; None is the whole frame.
        nothing: nothing was labelled exhaustively (scribbles, a sample not done).
    """

    categories: frozenset[str] | None = None
    area: Masks | None = None
    nothing: bool = False

    @property
    def full(self) -> bool:
        """Everything was looked for everywhere."""
        return self.categories is None and self.area is None and not self.nothing


FULL = Coverage()


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What one layer says about one sample at one revision: rows or a class map, never both.

    Args:
        size: (H, W) of an image, (D, H, W) of a volume.
        rows: annotations, or None.
        class_map: array of `size`, uint8 or uint16: positions in the taxonomy, void and
            background codes of `codes`, or None.
        coverage: where the labels are exhaustive.
        layer: `main`, `gold`, `by/NAME`, `model/NAME@HASH`, `consensus`.
        revision: counts the states of this layer of this sample.
        confidence: (H, W) uint8, the probability of the winning class × 255, of a machine author.
        extra: what the file says of the sample beyond the rows.

    Raises:
        DataError: both or neither form given, or a size that does not match.
    """

    size: tuple[int, ...]
    rows: Rows | None = None
    class_map: NDArray[Any] | None = None
    coverage: Coverage = FULL
    layer: str = "main"
    revision: int = 0
    confidence: NDArray[np.uint8] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.rows is None) == (self.class_map is None):
            raise DataError("labels hold rows or a class map, not both or neither")
        for name in ("class_map", "confidence"):
            array = getattr(self, name)
            if array is not None and array.shape != self.size:
                raise DataError(
                    f"{name} has another size than the labels",
                    seen=f"{array.shape}, labels {self.size}",
                )
        if self.class_map is not None:
            codes(self.class_map.dtype)

    def replace(self, **changes: Any) -> Labels:
        """A copy with some fields changed."""
        return replace(self, **changes)
