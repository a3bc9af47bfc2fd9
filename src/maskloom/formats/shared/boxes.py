"""Boxes without a mask: what a target that writes them cannot hold of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.places import box_of
from maskloom.core.taxonomy import Taxonomy
from maskloom.formats.loss import Holds, Loss, first_instances, losses_of


def told_boxes(rows: Rows) -> NDArray[np.bool_]:
    """(N,) which rows are boxes of which it is known where they lie."""
    found: NDArray[np.bool_] = rows.kind == int(RowKind.BOX)
    for i in np.flatnonzero(found).tolist():
        found[i] = box_of(rows, i) is not None
    return found


def losses_beside_boxes(
    holds: Holds,
    key: str,
    labels: Labels,
    taxonomy: Taxonomy,
    told: NDArray[np.bool_],
    kept: Sequence[str] = ("bbox",),
) -> list[Loss]:
    """What a target cannot hold: boxes that it writes may still say what it does not.

    Args:
        holds: of the target, but for boxes.
        key: of the sample.
        labels: with rows.
        taxonomy: what their categories mean.
        told: (N,) rows that are boxes and are written.
        kept: names in the sources of these boxes that are written.
    """
    rows = labels.rows
    assert rows is not None
    if not told.any():
        return losses_of(holds, key, labels, taxonomy)
    boxes = told.tolist()
    columns = {name: getattr(rows, name) for name in Rows.__slots__}
    columns["source"] = tuple(
        _without(own, kept) if box else own for box, own in zip(boxes, rows.source, strict=False)
    )
    lost = (rows.kind != int(RowKind.MASK)) & ~told
    left = labels.replace(rows=Rows(**columns).take(~lost))
    found = losses_of(replace(holds, drawings=True), key, left, taxonomy)
    if lost.any() and not holds.drawings:
        who = first_instances(rows, lost)
        found.append(Loss(key, "drawings", int(lost.sum()), instances=who))
    return found


def _without(own: Mapping[str, Any] | None, kept: Sequence[str]) -> Mapping[str, Any] | None:
    """The fields that are not written; where a box lies is none, and tells what it covers."""
    return {n: v for n, v in (own or {}).items() if n == "bbox" or n not in kept} or None
