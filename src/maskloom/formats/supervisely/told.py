"""Fields of a source that an object of Supervisely cannot have, which are told."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from maskloom.core.labels import Rows
from maskloom.core.places import source_of
from maskloom.formats.loss import Loss, first_instances
from maskloom.formats.shared.drawn import attributes_of, kept_of
from maskloom.formats.supervisely.drawing import is_said
from maskloom.formats.supervisely.identity import INSTANCE, lost_ids, lost_instances
from maskloom.formats.supervisely.objects import KEPT, OWN, RULE, is_kept
from maskloom.formats.supervisely.retold import retold

_TAGS = "tags"


def lost_fields(key: str, rows: Rows, taken: Collection[object]) -> Iterator[Loss]:
    """Facts of objects that are not written.

    Args:
        key: of the sample.
        rows: of the image.
        taken: ids of its objects that are not read.
    """
    count = range(len(rows))
    own = OWN - KEPT - {RULE}
    clash = [own & set(source_of(rows, i)) | _foreign(rows, i) for i in count]
    if lost := [i for i in count if clash[i]]:
        yield _loss(key, rows, lost, *sorted(set().union(*clash)))
    if lost := lost_instances(rows):
        yield _loss(key, rows, lost, INSTANCE)
    said = rows.take(np.array([i for i in count if is_said(rows, i)], np.int64))
    if lost := lost_ids(said, taken):
        yield _loss(key, said, lost, "id")
    kept = [kept_of(rows, i, RULE, is_kept).get(_TAGS) for i in count]
    if lost := [i for i in count if retold(attributes_of(rows, i), kept[i])[2]]:
        yield _loss(key, rows, lost, _TAGS)


def _loss(key: str, rows: Rows, lost: list[int], *names: str) -> Loss:
    who = first_instances(rows, lost)
    return Loss(key, "fields", len(lost), names=names, instances=who)


def _foreign(rows: Rows, i: int) -> set[str]:
    """A field of another file that has the name of what is kept here."""
    own = source_of(rows, i).get(RULE)
    return {RULE} if own and not kept_of(rows, i, RULE, is_kept) else set()
