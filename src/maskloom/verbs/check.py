"""`check`: find faults in a data set."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from maskloom.core.outcome import Outcome, Table
from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from maskloom.core.dataset import Dataset
    from maskloom.quality.findings import Ledger
    from maskloom.quality.integrity import Integrity

_EXAMPLES = 20
_SIZES = 10
_UNUSED = 8  # classes without an image that are listed like others


@from_python
def check(
    data: Path,
    *,
    from_: str | None = None,
    split: str | None = None,
    images: Path | None = None,
    fail_on: Literal["error", "warning", "never"] = "error",
    deep: bool = False,
    skip_bad: bool = False,
    report: Path | None = None,
    set_: tuple[str, ...] = (),
) -> Outcome:
    """Find faults in the labels, images and splits of a data set.

    Looks for labels that cannot be read, unknown classes, empty, equal and overlapping
    objects, slivers, small holes and stray fragments, labels outside the image or of another
    size, damaged images, and images or groups that two splits share. Needs no images.

    Args:
        data: a data set in any known format.
        from_: its format; found by content where not given.
        split: look at this split only.
        images: folder under which to look for the images.
        fail_on: the least severity of a finding that makes the command end with 1.
        deep: decode every image instead of reading its header only.
        skip_bad: annotations that cannot be read are warnings; else they are errors. All are found.
        report: also write the findings as one HTML file.
        set_: options of the format (from.KEY=VALUE) and limits of the checks (check.KEY=VALUE).
    """
    from maskloom.core.options import parse_settings
    from maskloom.formats.detect import detect_format, load_format, read_dataset
    from maskloom.quality.integrity import examine
    from maskloom.quality.objects import Limits
    from maskloom.quality.unread import opened

    fmt = detect_format(data) if from_ is None else load_format(from_)
    options = parse_settings(set_, {"from": fmt.ReadOptions, "check": Limits})
    opening = partial(
        read_dataset, data, fmt.name, options=options["from"], images=images, split=split
    )
    dataset, invalid = opened(opening, skip_bad=skip_bad)
    found = examine(dataset, options["check"], deep=deep)
    found.ledger.add(invalid)
    tables = _tables(found)
    verdict = _verdict(found)
    if report is not None:
        _write_report(report, dataset, found, tables, verdict)
    errors, warnings = found.ledger.total("error"), found.ledger.total("warning")
    return Outcome(
        results=_results(dataset, fmt.name, found),
        tables=tables,
        lines=(verdict, *([f"report: {report}"] if report is not None else [])),
        warnings=dataset.warnings,
        found=fail_on != "never" and (errors > 0 or (fail_on == "warning" and warnings > 0)),
    )


def _verdict(found: Integrity) -> str:
    errors, warnings = found.ledger.total("error"), found.ledger.total("warning")
    looked = f"{found.samples:,} {'image' if found.samples == 1 else 'images'}"
    if not errors and not warnings:
        return f"No fault found in {looked}."
    counted = [_count(errors, "error"), _count(warnings, "warning")]
    return f"{' and '.join(text for text in counted if text)} in {looked}."


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}" if n else ""


def _results(dataset: Dataset, fmt: str, found: Integrity) -> dict[str, Any]:
    census = found.census
    return {
        "data": dataset.name,
        "format": fmt,
        "samples": found.samples,
        "unreadable": found.unreadable,
        "missing_images": found.missing,
        "without_labels": census.unlabelled,
        "errors": found.ledger.total("error"),
        "warnings": found.ledger.total("warning"),
        "checks": _checks(found.ledger),
        "findings": [finding.to_json() for finding in found.ledger.ranked()],
        "classes": census.classes(),
        "sizes": [
            {"size": list(size), "images": count} for size, count in census.sizes.most_common()
        ],
        "void_share": census.void / census.total if census.total else None,
        "splits": {name: len(keys) for name, keys in dataset.splits.items()},
    }


def _checks(ledger: Ledger) -> list[dict[str, Any]]:
    from maskloom.quality.findings import CHECKS

    return [
        {
            "check": name,
            "severity": kind.severity,
            "count": ledger.counts[name],
            "about": kind.about,
        }
        for name, kind in CHECKS.items()
    ]


def _tables(found: Integrity) -> tuple[Table, ...]:
    census, ledger = found.census, found.ledger
    rows = [
        (r["check"], r["severity"], r["count"], r["about"]) for r in _checks(ledger) if r["count"]
    ]
    examples = ledger.ranked()[:_EXAMPLES]
    more = sum(ledger.counts.values()) - len(examples)
    out = [
        _class_table(found),
        Table(
            "Image sizes",
            ("width × height", "images"),
            [
                (" × ".join(str(side) for side in reversed(size)), count)
                for size, count in census.sizes.most_common(_SIZES)
            ],
            note=f"and {len(census.sizes) - _SIZES} more" if len(census.sizes) > _SIZES else "",
        ),
    ]
    if rows:
        out.append(Table("Findings", ("check", "severity", "count", "about"), rows))
        out.append(
            Table(
                "First examples",
                ("check", "sample", "object", "what"),
                [
                    (f.check, f.key or None, None if f.object is None else str(f.object), f.what)
                    for f in examples
                ],
                note=f"{more:,} more are in --json" if more else "",
            )
        )
    return tuple(out)


def _class_table(found: Integrity) -> Table:
    """Classes with what they have; many that have nothing are named below."""
    census = found.census
    columns = ["name", "images", *(["objects"] if census.with_rows else []), "pixels"]
    classes = census.classes()
    unused = [row["name"] for row in classes if not row["images"]]
    if len(unused) <= _UNUSED:
        unused = []
    rows = [[row[c] for c in columns] for row in classes if row["images"] or not unused]
    note = f"{len(unused)} classes in no image: {', '.join(unused)}" if unused else ""
    return Table("Classes", columns, rows, note=note)


def _write_report(
    path: Path, dataset: Dataset, found: Integrity, tables: tuple[Table, ...], verdict: str
) -> None:
    from maskloom.core.report import Report
    from maskloom.report.html import write_html

    page = Report(
        title=f"Check of {dataset.name or 'the data'}",
        task="instance" if found.census.with_rows else "semantic",
        metrics={},
        per_class={
            row["key"]: {k: v for k, v in row.items() if k != "key"}
            for row in found.census.classes()
        },
        notes=dataset.warnings,
    )
    facts = {
        "Images": f"{found.samples:,}",
        "Splits": ", ".join(f"{k} {len(v):,}" for k, v in dataset.splits.items()) or "none",
        "Images without labels": f"{found.census.unlabelled:,}",
    }
    # The page has its own table of classes.
    shown = [*tables[2:], tables[1]]
    write_html(page, path, facts=facts, tables=shown, verdict=verdict)
