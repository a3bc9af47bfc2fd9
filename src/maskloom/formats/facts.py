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
from maskloom.formats.shared.numbered_files import VOID_CLASSES
from maskloom.formats.shared.void_classes import void_losses

_HOMES = {"volume": "nifti"}
"""Names in `extra` that several formats share, and the one that declares them."""
_FRAME = "frame"
"""Paths of what `Sample` says of a frame: `frame.sequence`, `frame.index`, `frame.time_s`."""
_PASSING = frozenset({"notes"})
"""Entries of `Labels.extra` that are messages."""


class FactLosses:
    """What a target does not hold of images as a whole, and of the data set.

    Args:
        fmt: of the target.
        writer: of it.
    """

    def __init__(self, fmt: Format, writer: Writer) -> None:
        self._writes = writer.writes if isinstance(writer, FieldWriter) else fmt.kept.writes
        self._tags = fmt.holds.tags
        self._writer = writer if isinstance(writer, TagWriter) else None

    def of_image(self, sample: Sample, labels: Labels) -> list[Loss]:
        """Tags, unread annotations and fields of one image.

        Args:
            sample: the image.
            labels: what is to be written of it.
        """
        found: list[Loss] = []
        if sample.tags:
            tags = sample.tags.items()
            lost = tuple(n for n, text in tags if not self._held(sample, labels, n, text))
            detail = f"of the image: {', '.join(lost)}"
            found += [Loss(sample.key, "tags", detail=detail, names=lost)] if lost else []
        for extra in (sample.extra, labels.extra):
            if extra:
                found += self._kept(sample.key, extra)
        if sample.sequence is not None:
            found += self._placed(sample)
        return found

    def _placed(self, sample: Sample) -> list[Loss]:
        """Where a frame stands in its sequence."""
        names = tuple(
            name
            for name in ("sequence", "index", "time_s")
            if getattr(sample, name) is not None and not is_among((_FRAME, name), self._writes)
        )
        detail = f"of the image: {', '.join(names)}"
        return [Loss(sample.key, "fields", detail=detail, names=names)] if names else []

    def of_dataset(self, dataset: Dataset) -> list[Loss]:
        """Unread annotations and fields of the data set itself."""
        return self._kept("", dataset.extra)

    def _held(self, sample: Sample, labels: Labels, name: str, text: str) -> bool:
        if self._writer is None or not self._tags:
            return self._tags
        return self._writer.holds_tag(sample, labels, name, text)

    def _kept(self, key: str, extra: Mapping[str, Any]) -> list[Loss]:
        """Unread annotations and fields in what a source kept."""
        names: dict[str, None] = {}
        unread: Counter[str] = Counter()
        found: list[Loss] = []
        for family, own in extra.items():
            if family in _PASSING or is_among((family,), self._writes):
                continue
            if family == VOID_CLASSES:
                found += void_losses(key, own, ())
                continue
            kept = _declared(family)
            facts = kept.image if key else kept.dataset
            names |= dict.fromkeys(facts_in(family, own, facts, self._writes))
            unread.update(facts.unread(own))
        if unread:
            detail = f"kinds that are not read: {some(unread)}"
            found.append(Loss(key, "drawings", unread.total(), detail=detail))
        if names:
            whole = "of the image" if key else "of the data set"
            detail = f"{whole}: {', '.join(names)}"
            found.append(Loss(key, "fields", detail=detail, names=tuple(names)))
        return found


@cache
def _declared(family: str) -> Kept:
    """What the format of a name in `extra` says of it; of an unknown one, all is one fact."""
    home = _HOMES.get(family, family)
    return load_format(home).kept if home in registry.FORMATS else Kept()
