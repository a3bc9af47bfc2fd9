"""Samples that are the same, and splits that share what they must not share.

Equality is of file bytes; near duplicates, and scenes that no group key names, are not seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from maskloom.core.dataset import Dataset
from maskloom.core.sample import Sample
from maskloom.quality.findings import Finding
from maskloom.store.files import sha256_file


def split_findings(dataset: Dataset) -> Iterator[Finding]:
    """Images and groups that lie in more than one split."""
    present = {sample.key: sample for sample in dataset.samples}
    splits: dict[str, list[str]] = defaultdict(list)
    groups: dict[str, list[str]] = defaultdict(list)
    for name, keys in dataset.splits.items():
        listed = [key for key in dict.fromkeys(keys) if key in present]
        for key in listed:
            splits[key].append(name)
        for group in dict.fromkeys(present[key].group for key in listed):
            if group is not None:
                groups[group].append(name)
    for key, names in splits.items():
        if len(names) > 1:
            yield Finding("split-overlap", f"in the splits {', '.join(names)}", key, value=names)
    for group, names in groups.items():
        if len(names) > 1:
            what = f"group {group!r} is in the splits {', '.join(names)}"
            yield Finding("split-group", what, value={"group": group, "splits": names})


def image_findings(dataset: Dataset) -> Iterator[Finding]:
    """Image files with equal bytes, across splits and inside one."""
    home = {key: name for name, keys in dataset.splits.items() for key in keys}
    for keys in _equal_files(dataset.samples):
        first = keys[0]
        for key in keys[1:]:
            other = next((k for k in keys if home.get(k) != home.get(key)), None)
            if other is not None and home.get(key) is not None and home.get(other) is not None:
                what = f"the image equals {other!r} of the split {home[other]}"
                yield Finding("split-duplicate", what, key, value=other)
            else:
                yield Finding("duplicate-image", f"the image equals {first!r}", key, value=first)


def _equal_files(samples: Sequence[Sample]) -> Iterator[list[str]]:
    """Keys of equal files; only files of equal length are hashed."""
    by_length: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        path = sample.image.path
        if path is not None and path.is_file():
            by_length[path.stat().st_size].append(sample)
    for alike in by_length.values():
        if len(alike) < 2:
            continue
        by_hash: dict[str, list[str]] = defaultdict(list)
        for sample in alike:
            assert sample.image.path is not None
            by_hash[sha256_file(sample.image.path)].append(sample.key)
        yield from (keys for keys in by_hash.values() if len(keys) > 1)
