"""Facts of whole images and data sets that a target does not hold.

Tags are what people said of an image (`Sample.tags`), and dropping one is refused; so is dropping
annotations of kinds that are not read. Fields that nobody interprets are told. Each format says
in `Format.kept` which is what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from maskloom import registry
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.formats.base import FieldWriter, Format, TagWriter, Writer
from maskloom.formats.detect import load_format
from maskloom.formats.kept import Kept, facts_in, is_among, some
from maskloom.formats.loss import Loss

_HOMES = {"volume": "nifti"}
"""Names in `extra` that several formats share, and the one that declares them."""
_PASSING = frozenset({"notes"})
"""Entries of `Labels.extra` that are messages."""


def image_losses(fmt: Format, writer: Writer, sample: Sample, labels: Labels) -> list[Loss]:
    """What a target does not hold of an image as a whole.

    Args:
        fmt: of the target.
        writer: of it.
        sample: the image.
        labels: what is to be written of it.
    """
    found = []
    lost = [n for n, text in sample.tags.items() if not _held(fmt, writer, sample, labels, n, text)]
    if lost:
        detail = f"of the image: {', '.join(lost)}"
        found.append(Loss(sample.key, "tags", detail=detail, names=tuple(lost)))
    writes = _writes(fmt, writer)
    for extra in (sample.extra, labels.extra):
        if extra:
            found += _kept_losses(writes, sample.key, extra)
    return found


def dataset_losses(fmt: Format, writer: Writer, dataset: Dataset) -> list[Loss]:
    """What a target does not hold of the data set itself.

    Args:
        fmt: of the target.
        writer: of it.
        dataset: the source.
    """
    return _kept_losses(_writes(fmt, writer), "", dataset.extra)


def _writes(fmt: Format, writer: Writer) -> tuple[str, ...]:
    return writer.writes if isinstance(writer, FieldWriter) else fmt.kept.writes


def _held(
    fmt: Format, writer: Writer, sample: Sample, labels: Labels, name: str, text: str
) -> bool:
    if not fmt.holds.tags:
        return False
    return not isinstance(writer, TagWriter) or writer.holds_tag(sample, labels, name, text)


def _kept_losses(writes: tuple[str, ...], key: str, extra: Mapping[str, Any]) -> list[Loss]:
    """Unread annotations and fields in what a source kept."""
    names: dict[str, None] = {}
    unread: Counter[str] = Counter()
    for family, own in extra.items():
        if family in _PASSING:
            continue
        kept = _declared(family)
        facts = kept.image if key else kept.dataset
        names |= dict.fromkeys(facts_in(family, own, facts, writes))
        if not is_among((family,), writes):
            unread.update(facts.unread(own))
    found = []
    whole = "of the image" if key else "of the data set"
    if unread:
        detail = f"kinds that are not read: {some(unread)}"
        found.append(Loss(key, "drawings", unread.total(), detail=detail))
    if names:
        detail = f"{whole}: {', '.join(names)}"
        found.append(Loss(key, "fields", detail=detail, names=tuple(names)))
    return found


@cache
def _declared(family: str) -> Kept:
    """What the format of a name in `extra` says of it; of an unknown one, all is one fact."""
    home = _HOMES.get(family, family)
    return load_format(home).kept if home in registry.FORMATS else Kept()
