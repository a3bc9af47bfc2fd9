"""Samples that belong together (of one patient, one scene), told by a part of their keys."""

from __future__ import annotations

import re
from dataclasses import replace

from maskloom.core.dataset import Dataset
from maskloom.errors import UsageError


def with_groups(dataset: Dataset, pattern: str | None) -> Dataset:
    """Samples grouped by the first group of a regular expression on their keys.

    Raises:
        UsageError: the expression is invalid, has no group, or does not match a key.
    """
    if pattern is None:
        return dataset
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError("not a regular expression", where="group", seen=pattern) from error
    if compiled.groups < 1:
        raise UsageError(
            "the expression has no group in parentheses",
            where="group",
            seen=pattern,
            hint="write e.g. ^([^_]+)_",
        )
    samples = []
    for sample in dataset.samples:
        match = compiled.search(sample.key)
        if match is None:
            raise UsageError(
                "the expression matches no part of a key", where="group", seen=sample.key
            )
        samples.append(replace(sample, group=match.group(1)))
    return replace(dataset, samples=tuple(samples))
