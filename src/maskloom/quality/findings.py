"""What a check of data can find: a literal table of checks, findings, and their collection.

Which data raise them is `integrity.py` and `formats/objects/format.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked for."""

    severity: Severity
    about: str


CHECKS: dict[str, Check] = {
    "labels": Check("error", "labels that cannot be read"),
    "unknown-category": Check("error", "a category that the taxonomy does not have"),
    "size": Check("error", "labels of another size than their image"),
    "image": Check("error", "an image that cannot be read"),
    "empty-object": Check("error", "an object without a pixel"),
    "duplicate-object": Check("error", "two equal objects of one class"),
    "overlap": Check("error", "overlapping objects in data that must not have them"),
    "split-overlap": Check("error", "one image listed in two splits"),
    "split-group": Check("error", "one group (scene, patient) in two splits"),
    "split-duplicate": Check("error", "equal image files in two splits"),
    "left-out": Check("warning", "annotations that --skip-bad left out"),
    "missing-image": Check("warning", "images that are not at hand"),
    "contradiction": Check("warning", "what the files say twice, and not alike"),
    "duplicate-image": Check("warning", "equal image files"),
    "same-mask": Check("warning", "two classes claim exactly the same pixels"),
    "near-duplicate": Check("warning", "two objects of one class that nearly coincide"),
    "overlaps": Check("warning", "overlapping objects"),
    "sliver": Check("warning", "a long object nowhere wider than a sliver"),
    "hole": Check("warning", "small holes in an object"),
    "fragment": Check("warning", "stray specks or very many parts in one object"),
    "speck": Check("warning", "isolated specks of a class"),
    "outside": Check("warning", "vertices or boxes that reach outside the image"),
    "void": Check("warning", "an image that is mostly void"),
    "unused-class": Check("warning", "classes that are never used"),
    "imbalance": Check("warning", "classes of very different size"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Args:
        check: name in `CHECKS`, which gives the severity.
        what: one clause for people.
        key: the sample, or empty where the whole data set is meant.
        object: the file's own id of the object, else its instance id; None for no object.
        value: what was seen, as plain JSON.
    """

    check: str
    what: str
    key: str = ""
    object: int | str | None = None
    value: Any = None

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return CHECKS[self.check].severity

    def to_json(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "severity": self.severity,
            "check": self.check,
            "sample": self.key or None,
            "object": self.object,
            "what": self.what,
            "value": self.value,
        }


@dataclass(slots=True)
class Ledger:
    """Findings in order, at most `keep` of each check, and the full count of each."""

    keep: int = 1000
    kept: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, findings: Iterable[Finding]) -> None:
        """Enter findings, counting all of them."""
        for finding in findings:
            self.counts[finding.check] += 1
            if self.counts[finding.check] <= self.keep:
                self.kept.append(finding)

    def total(self, severity: Severity) -> int:
        """How many findings of a severity there were."""
        return sum(n for check, n in self.counts.items() if CHECKS[check].severity == severity)

    def ranked(self) -> list[Finding]:
        """The kept findings, errors first, by check in the order of `CHECKS`, else as found."""
        order = {name: i for i, name in enumerate(CHECKS)}
        return sorted(self.kept, key=lambda finding: order[finding.check])
