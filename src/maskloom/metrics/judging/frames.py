"""Frames of sequences among samples: where each stands, and what is drawn together.

Frames of one video are as little independent of each other as pixels of one image are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from maskloom.core.outcome import counted
from maskloom.core.sample import Sample
from maskloom.errors import DataError


def place_of(sample: Sample) -> tuple[str, int] | None:
    """Name of the sequence that a frame is of, and its place there; None of what is no frame."""
    if sample.kind != "frame" or sample.sequence is None or sample.index is None:
        return None
    return sample.sequence, sample.index


def ends_of(samples: Iterable[Sample]) -> dict[str, tuple[Sample, Sample]]:
    """The first and the last frame of each sequence, by its name."""
    found: dict[str, tuple[Sample, Sample]] = {}
    for sample in samples:
        if place_of(sample) is None:
            continue
        first, last = found.get(str(sample.sequence), (sample, sample))
        found[str(sample.sequence)] = (
            min(first, sample, key=_index_of),
            max(last, sample, key=_index_of),
        )
    return found


def refuse_shared_places(samples: Iterable[Sample]) -> None:
    """Refuse two frames at one place of a sequence.

    Raises:
        DataError: naming both.
    """
    taken: dict[tuple[str, int], str] = {}
    for sample in samples:
        place = place_of(sample)
        if place is None:
            continue
        if place in taken:
            raise DataError(
                "two frames have one place in their sequence",
                where=f"sequence {place[0]}",
                seen=f"{taken[place]} and {sample.key}, index {place[1]}",
                hint="give each frame of a sequence an index of its own, or score without "
                "sequences: --metrics ap,f1_50",
            )
        taken[place] = sample.key


def units_of(samples: Sequence[Sample]) -> tuple[dict[str, str], str]:
    """What is drawn together: a sample's group where all have one, else its sequence, else itself.

    Groups that share a sequence are one unit.

    Returns:
        key → name of its unit, and how many units there are, in words.
    """
    if samples and all(sample.group for sample in samples):
        joined = _joined(samples)
        units = {sample.key: joined[str(sample.group)] for sample in samples}
        n = len(set(units.values()))
        return units, f"{n:,} group{'' if n == 1 else 's'} of samples"
    units = {
        s.key: f"sample {s.key}" if s.sequence is None else f"sequence {s.sequence}"
        for s in samples
    }
    n, framed = len(set(units.values())), [sample.sequence is not None for sample in samples]
    if any(framed) and not all(framed):
        return units, f"{n:,} sequences and single samples"
    return units, counted(n, "sequence" if any(framed) else "sample")


def _index_of(sample: Sample) -> int:
    return sample.index or 0


def _joined(samples: Iterable[Sample]) -> dict[str, str]:
    """Group → the first of the groups that are joined with it by a sequence that they share."""
    found: dict[str, str] = {}
    of_sequence: dict[str, str] = {}
    for sample in samples:
        group = found.setdefault(str(sample.group), str(sample.group))
        if sample.sequence is None:
            continue
        other = of_sequence.setdefault(sample.sequence, group)
        other = found[other]
        if other != group:
            found = {name: other if first == group else first for name, first in found.items()}
    return found
