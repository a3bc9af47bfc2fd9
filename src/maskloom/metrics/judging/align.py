"""Two data sets made comparable: which samples belong together, and one meaning of categories.

Nothing is scored here; `judge.py` feeds what this returns to the metrics. How categories of one
side read in the other's taxonomy is `translation.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import BACKGROUND, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.outcome import counted, some_of
from maskloom.core.sample import ImageRef, Sample, sample_key
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.judging.frames import ends_of
from maskloom.metrics.judging.translation import Translation

_METRES = {"m": 1.0, "mm": 1e-3, "um": 1e-6}
"""Units of spacing."""
Missing = Literal["error", "empty", "skip"]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A sample of the truth and its counterpart; None is scored as empty labels."""

    truth: Sample
    predicted: Sample | None
    order: int


def pair_samples(
    truth: Dataset, predicted: Dataset, *, missing: Missing = "error"
) -> tuple[list[Pair], tuple[str, ...]]:
    """Match samples by key, or by image id where both sides have ids that mean the same images.

    Ids mean the same if no id that both sides have names another file there; a writer that
    counts its images afresh has ids of its own.

    Args:
        truth: decides what is scored.
        predicted: may hold more; the rest is left out and counted.
        missing: what to do with a sample of the truth that has no prediction: refuse, score it
            as empty, or skip it.

    Returns:
        the pairs in the order of the truth, and sentences on what was left out or filled.

    Raises:
        DataError: predictions are missing and `missing` is "error", or none match at all.
    """
    ids = [_image_id(s) for s in truth.samples]
    other_ids = [_image_id(s) for s in predicted.samples]
    by_id = _same_images(ids, truth.samples, other_ids, predicted.samples)
    names: list[Any] = ids if by_id else [s.key for s in truth.samples]
    others: list[Any] = other_ids if by_id else [s.key for s in predicted.samples]
    table = dict(zip(others, predicted.samples, strict=True))
    absent = [s.key for s, name in zip(truth.samples, names, strict=True) if name not in table]
    if absent and (missing == "error" or len(absent) == len(names)):
        kind = "image ids" if by_id else "keys (relative paths without suffix)"
        raise DataError(
            f"no prediction for {len(absent)} of {counted(len(names), 'sample')}: "
            f"{some_of(absent)}",
            where=predicted.name or "predicted",
            seen=f"{kind} such as {some_of(list(map(str, others)), 3)}",
            hint="add them, or say --missing empty (scored as empty) or --missing skip"
            if len(absent) < len(names)
            else "check that both name the same images",
        )
    orders = ids if _distinct(ids) else range(len(ids))
    pairs = [
        Pair(sample, table.get(name), order)
        for sample, name, order in zip(truth.samples, names, orders, strict=True)
        if name in table or missing == "empty"
    ]
    notes = []
    if absent:
        fate = "scored as empty" if missing == "empty" else "left out"
        kind = f"{counted(len(absent), 'sample')} without a prediction"
        notes.append(f"{kind} {'is' if len(absent) == 1 else 'are'} {fate}: {some_of(absent)}")
    extra = len(predicted) - len(names) + len(absent)
    if extra:
        notes.append(
            f"{counted(extra, 'predicted sample')} {'is' if extra == 1 else 'are'} not among the "
            f"{len(names)} of the truth and left out"
        )
    return pairs, (*notes, *_placed_otherwise(pairs))


def _placed_otherwise(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """What to say of samples whose two sides tell another spacing or place in space."""
    found = [
        (pair.truth.key, pair.truth.image, pair.predicted.image)
        for pair in pairs
        if pair.predicted is not None and not _in_one_place(pair.truth.image, pair.predicted.image)
    ]
    if not found:
        return ()
    key, own, other = found[0]
    seen = "" if own.spacing == other.spacing else f": spacing {_listed(own)} and {_listed(other)}"
    return (
        f"truth and prediction of {counted(len(found), 'sample')} differ in spacing, or in where "
        f"they lie (first {key}{seen}); pixels are compared one to one, in the truth's units",
    )


def _listed(image: ImageRef) -> str:
    return " × ".join(f"{size:g}" for size in image.spacing) + f" {image.unit}"


def _in_one_place(one: ImageRef, other: ImageRef) -> bool:
    """Whether what both files say of spacing and place agrees; most say nothing."""
    own, others = (
        np.asarray(image.spacing) * _METRES.get(image.unit, 1.0) for image in (one, other)
    )
    if len(own) == len(others) and not np.allclose(own, others, rtol=1e-3, atol=0):
        return False
    codes = {str(image.crs) for image in (one, other) if str(image.crs).startswith("EPSG:")}
    if len(codes) == 2:
        return False
    if not one.affine or not other.affine or np.shape(one.affine) != np.shape(other.affine):
        return True
    # Places are as far off as pixels are wide, however far from the origin they lie.
    step = float(np.abs(np.asarray(one.affine)[:-1, :-1]).max()) or 1.0
    return np.allclose(one.affine, other.affine, rtol=0, atol=1e-2 * step)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two data sets, sample by sample, under one taxonomy; make it with `compare`.

    Args:
        truth, predicted: the two sides.
        pairs: samples that belong together, in the order of the truth.
        notes: what was left out or filled.
        ours, theirs: how each side's categories read in the common taxonomy.
        ends: the first and the last frame of each sequence of the truth, paired or not.
    """

    truth: Dataset
    predicted: Dataset
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]
    ours: Translation
    theirs: Translation
    ends: Mapping[str, tuple[Sample, Sample]] = field(default_factory=dict)

    @property
    def taxonomy(self) -> Taxonomy:
        """The common taxonomy: the truth's, or for bare ids those of both sides."""
        return self.ours.target

    def labels(self, pair: Pair) -> tuple[Labels, Labels]:
        """Read both sides of one sample.

        Raises:
            DataError: they differ in size, or cannot be read.
        """
        wanted = self.truth.labels_of(pair.truth)
        if pair.predicted is None:
            return wanted, _empty_like(wanted)
        found = self.predicted.labels_of(pair.predicted)
        if wanted.size != found.size:
            sizes = [" × ".join(map(str, size[::-1])) for size in (wanted.size, found.size)]
            raise DataError(
                "truth and prediction differ in size",
                where=pair.truth.key,
                seen=f"truth {sizes[0]} px, prediction {sizes[1]} px",
                hint="predict at the size of the image, and check that both name one image",
            )
        return wanted, found

    def hashes(self) -> dict[str, str]:
        """Content hashes of what is compared: the paired samples of each side."""
        return {f"{side}_hash": self.hash_of(side) for side in ("truth", "predicted")}

    def hash_of(self, side: str) -> str:
        """The content hash of the paired samples of one side, "truth" or "predicted"."""
        if side == "truth":
            return self.truth.select(pair.truth.key for pair in self.pairs).content_hash()
        found = [pair.predicted.key for pair in self.pairs if pair.predicted is not None]
        return self.predicted.select(found).content_hash()


def compare(
    truth: Dataset,
    predicted: Dataset,
    *,
    missing: Missing = "error",
    renames: Mapping[str, str] | None = None,
) -> Comparison:
    """Match samples and categories of two data sets; reads no labels.

    Raises:
        DataError: samples are missing; see `pair_samples`.
        UsageError: a rename names a category that does not exist.
    """
    pairs, notes = pair_samples(truth, predicted, missing=missing)
    common = _common(truth.taxonomy, predicted.taxonomy)
    if not renames and (only := _only_ones(common, predicted.taxonomy)):
        renames = {only[0]: only[1]}
        notes = (*notes, f"the one category of each side is compared: {only[0]} with {only[1]}")
    ours = Translation(truth.taxonomy, common, tuple(common.match(truth.taxonomy)), side="truth")
    theirs = Translation.make(predicted.taxonomy, common, renames)
    ends = ends_of(truth.samples)
    return Comparison(truth, predicted, tuple(pairs), notes, ours, theirs, ends)


def _common(truth: Taxonomy, predicted: Taxonomy) -> Taxonomy:
    """The truth's taxonomy; where both are bare ids, one that has the ids of both sides."""
    if not all(c.name.isdecimal() and c.key == c.name for c in (*truth, *predicted)):
        return truth
    both = {c.key: c for c in (*predicted, *truth)}
    every = Taxonomy(tuple(both[key] for key in sorted(both, key=int)))
    return truth if len(every) == len(truth) else every


def _only_ones(truth: Taxonomy, predicted: Taxonomy) -> tuple[str, str] | None:
    """(predicted, truth) names, if each side has one scored category and they do not match."""
    if len(truth.scored) != 1 or len(predicted.scored) != 1:
        return None
    theirs, ours = predicted[predicted.scored[0]].name, truth[truth.scored[0]].name
    return None if truth.find(theirs) is not None else (theirs, ours)


def _empty_like(labels: Labels) -> Labels:
    """Labels of the same frame that claim nothing: every pixel is background."""
    if len(labels.size) == 2:
        return Labels(labels.size, rows=Rows.make(Masks.empty(0, labels.size), []))
    return Labels(labels.size, class_map=np.full(labels.size, BACKGROUND, np.uint8))


def _image_id(sample: Sample) -> Any:
    return sample.extra.get("coco", {}).get("id")


def _same_images(
    ids: list[Any], samples: Sequence[Sample], others: list[Any], predicted: Sequence[Sample]
) -> bool:
    """Whether both sides have ids throughout, and each shared one names the same image."""
    if not (_distinct(ids) and _distinct(others)):
        return False
    names = {i: sample.file_name for i, sample in zip(others, predicted, strict=True)}
    both = ((sample.file_name, names.get(i)) for i, sample in zip(ids, samples, strict=True))
    return all(not one or not two or sample_key(one) == sample_key(two) for one, two in both)


def _distinct(ids: list[Any]) -> bool:
    return all(type(i) is int for i in ids) and len(set(ids)) == len(ids)
