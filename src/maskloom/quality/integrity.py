"""Looks through a data set, sample by sample, for faults of labels, images and splits.

No model is needed and no image: where images are at hand their headers are compared. Only
counts and a bounded list of findings are kept, so the size of the data does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, codes
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.volumes import stacked
from maskloom.errors import DataError, FormatError, ImageError
from maskloom.quality.census import Census
from maskloom.quality.findings import Finding, Ledger
from maskloom.quality.leaks import image_findings, split_findings
from maskloom.quality.objects import Limits, object_findings
from maskloom.store.endings import has_end
from maskloom.store.images import MAX_PIXELS, image_size, read_image
from maskloom.store.rasters import open_raster
from maskloom.store.volumes import read_volume, volume_header
from maskloom.work.progress import step, track


@dataclass(frozen=True, slots=True, eq=False)
class Integrity:
    """What was found.

    Args:
        ledger: the findings.
        census: the counts.
        samples: how many samples were looked at.
        unreadable: how many of them have labels that could not be read.
        missing: how many have no image at hand.
    """

    ledger: Ledger
    census: Census
    samples: int
    unreadable: int
    missing: int


def examine(dataset: Dataset, limits: Limits | None = None, *, deep: bool = False) -> Integrity:
    """Run every check of `findings.CHECKS`.

    A sample whose labels cannot be read is one finding and does not end the examination.

    Args:
        dataset: any; labels are read once, in order.
        limits: where each check begins to speak.
        deep: decode every image instead of reading its header only.
    """
    limits = limits or Limits()
    ledger, census = Ledger(limits.keep), Census(dataset.taxonomy)
    unreadable = missing = 0
    absent = ""
    for sample in track(dataset.samples, "checking", unit="images"):
        path = sample.image.path
        if path is None or not path.exists():
            missing += 1
            absent = absent or sample.key
        size, faults = _image(sample, deep=deep)
        ledger.add(faults)
        try:
            labels = dataset.labels_of(sample)
            found = list(
                sample_findings(sample, labels, dataset.taxonomy, size=size, limits=limits)
            )
        except DataError as error:
            unreadable += 1
            # A damaged image that the reader met too is one fault, not two.
            if not (faults and isinstance(error, ImageError)):
                ledger.add([Finding("labels", error.message, sample.key)])
            continue
        ledger.add(found)
        if not _unknown(labels, dataset.taxonomy):
            share = census.add(labels)
            if share > limits.void:
                what = f"{100 * share:.0f} % of the image is void"
                ledger.add([Finding("void", what, sample.key, value=round(share, 6))])
    if missing:
        what = f"{missing} of {len(dataset)} images are not at hand, first {absent!r}"
        ledger.add([Finding("missing-image", what, value=missing)])
    step("comparing images and splits")
    ledger.add(split_findings(dataset))
    ledger.add(image_findings(dataset))
    ledger.add(census.findings(limits))
    return Integrity(ledger, census, len(dataset), unreadable, missing)


def sample_findings(
    sample: Sample,
    labels: Labels,
    taxonomy: Taxonomy,
    *,
    size: tuple[int, ...] | None = None,
    limits: Limits | None = None,
) -> Iterator[Finding]:
    """Faults of the labels of one sample.

    Args:
        sample: whose labels they are.
        labels: rows or a class map.
        taxonomy: what they may say.
        size: (H, W) of the image file; None is not compared.
        limits: where each check begins to speak.
    """
    limits = limits or Limits()
    if size is not None and tuple(labels.size) != tuple(size):
        what = f"labels of {_size_text(labels.size)} px, image of {_size_text(size)} px"
        yield Finding("size", what, sample.key, value={"labels": labels.size, "image": size})
    for note in labels.extra.get("notes", ()):
        yield Finding("contradiction", str(note), sample.key)
    unknown = _unknown(labels, taxonomy)
    for value in unknown:
        what = f"category {value} is not one of the {len(taxonomy)} of the taxonomy"
        yield Finding("unknown-category", what, sample.key, value=value)
    if labels.rows is not None:
        tall = stacked(labels).rows
        assert tall is not None
        # One object has many parts there, and nothing of its shape can be told.
        yield from object_findings(sample.key, tall, limits, shapes=len(labels.size) == 2)
    elif not unknown and limits.speck:
        yield from _specks(sample.key, labels, taxonomy, limits)


def _image(sample: Sample, *, deep: bool) -> tuple[tuple[int, ...] | None, list[Finding]]:
    """(H, W) of the image file, (D, H, W) of a volume, or None, and what is wrong with it."""
    path = sample.image.path
    if path is None or not path.exists():
        return None, []
    try:
        if sample.kind == "volume":
            return (read_volume if deep else volume_header)(path).size, []
        size = image_size(path)
        if not has_end(path):
            return size, [Finding("image", f"{path}: the file seems to be cut off", sample.key)]
        if deep:
            _decode(path, size)
    except (ImageError, FormatError) as error:
        return None, [Finding("image", error.message, sample.key)]
    return size, []


def _decode(path: Path, size: tuple[int, int]) -> None:
    """Read every pixel, and keep none.

    Raises:
        ImageError: one cannot be decoded.
    """
    if size[0] * size[1] <= MAX_PIXELS:
        read_image(path)
        return
    with open_raster(path) as raster:
        high, wide = raster.chunk
        for y in range(0, size[0], high):
            for x in range(0, size[1], wide):
                raster.read(y, min(y + high, size[0]), x, min(x + wide, size[1]))


def _unknown(labels: Labels, taxonomy: Taxonomy) -> list[int]:
    if labels.rows is not None:
        used = np.unique(labels.rows.category)
    else:
        assert labels.class_map is not None
        used = np.unique(labels.class_map)
        used = used[~np.isin(used, codes(labels.class_map.dtype))]
    values: list[int] = used[(used < 0) | (used >= len(taxonomy))].tolist()
    return values


def _specks(key: str, labels: Labels, taxonomy: Taxonomy, limits: Limits) -> Iterator[Finding]:
    assert labels.class_map is not None
    if labels.class_map.ndim != 2:
        return
    masks, ids = Masks.from_id_map(labels.class_map, background=None)
    known = np.isin(ids, taxonomy.scored)
    parts, owners = masks[known].components()
    small = parts.areas <= limits.speck
    if small.any():
        names = sorted({taxonomy[int(ids[known][i])].name for i in owners[small]})
        shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        count = int(small.sum())
        what = (
            f"{count} {'speck' if count == 1 else 'specks'} of at most {limits.speck} px: {shown}"
        )
        yield Finding("speck", what, key, value=count)


def _size_text(size: tuple[int, ...]) -> str:
    return " × ".join(str(side) for side in reversed(size))
