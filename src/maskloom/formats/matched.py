"""Which samples of two data sets are the same: by key, or by the last part of it."""

from __future__ import annotations

from collections.abc import Sequence
from operator import eq

from maskloom.core.dataset import Dataset
from maskloom.core.lazy_samples import keys_of, picked, sorted_by_key
from maskloom.core.sample import Sample
from maskloom.errors import DataError, FormatError

_HINT = "give the images plain names, without characters that file systems treat in a special way"


def matched(source: Dataset, back: Dataset) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """The samples of both, in order of the source's keys.

    Raises:
        FormatError: the samples are not the same.
    """
    ours, theirs = sorted_by_key(source.samples), sorted_by_key(back.samples)
    # As a rule no key has changed, and no list of them is made.
    if len(ours) == len(theirs) and all(map(eq, keys_of(ours), keys_of(theirs))):
        return ours, theirs
    pairs = paired(source, back)
    return picked(ours, (key for key, _ in pairs)), picked(theirs, (other for _, other in pairs))


def paired(source: Dataset, back: Dataset) -> list[tuple[str, str]]:
    """The keys of samples that are the same, in both data sets, in order.

    Raises:
        FormatError: the samples are not the same.
    """
    ours, theirs = sorted(keys_of(source.samples)), sorted(keys_of(back.samples))
    if len(ours) != len(theirs):
        raise FormatError(
            "what was written reads back with another number of images",
            where=source.name or None,
            seen=f"{len(theirs)}, source {len(ours)}",
            hint=_HINT,
        )
    if set(ours) == set(theirs):
        return [(key, key) for key in ours]
    for spelt in (_slashed, _last):
        table = {spelt(key): key for key in theirs}
        if len(table) == len(theirs) and {spelt(key) for key in ours} == set(table):
            return [(key, table[spelt(key)]) for key in ours]
    lost, found = min(set(ours) - set(theirs)), min(set(theirs) - set(ours))
    raise DataError(
        "what was written reads back under other names",
        where=source.name or None,
        seen=f"{found}, source {lost}",
        hint=_HINT,
    )


def _slashed(key: str) -> str:
    """The key as files are named: projects made before keys were so may hold backslashes."""
    return key.replace("\\", "/")


def _last(key: str) -> str:
    return key.rpartition("/")[2]
