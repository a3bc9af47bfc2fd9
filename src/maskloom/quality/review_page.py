"""A review for people: its sentence, its table for a terminal, its page with close-ups.

What it says was found by `review.py`; the pictures are `region_panels.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from maskloom.core.outcome import Cell, Table
from maskloom.core.region import ABOUT
from maskloom.core.report import Report
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.judging.align import Comparison
from maskloom.quality.region_panels import region_panels
from maskloom.quality.review import HELD_OUT, Review
from maskloom.report.html import write_html
from maskloom.work.progress import step

_SHOWN = 20
_PICTURED = 100
_WIDTH = 100


def verdict(found: Review) -> str:
    """One sentence: how many regions in how many images, and how far both agree."""
    total = sum(found.counts.values())
    images = f"{found.samples:,} {'image' if found.samples == 1 else 'images'}"
    if not total:
        return f"No disagreement in {images}."
    parts = [f"{n:,} {kind.replace('-', ' ')}" for kind, n in found.counts.items() if n]
    text = f"{total:,} {'region' if total == 1 else 'regions'} in {images}: {', '.join(parts)}"
    what = "objects" if found.task == "instance" else "pixels"
    return f"{text}; both agree on {100 * (found.agreement or 0):.1f} % of the {what}."


def region_table(found: Review, taxonomy: Taxonomy) -> Table:
    """The first regions, cut to the width of a page; whole in --json and --report."""
    rows: list[list[Cell]] = []
    for i, region in enumerate(found.regions[:_SHOWN]):
        names = [taxonomy[taxonomy.index(k)].name for k in (region.category, region.other) if k]
        rows.append(
            [
                i + 1,
                _cut(region.sample, 20, front=True),
                region.kind.replace("-", " "),
                _cut(" → ".join(names), 18),
                round(region.severity, 4),
                region.reason,
            ]
        )
    heads = ("rank", "image", "what", "category", "severity")
    taken = [
        max(len(text) for text in (head, *(str(row[at]) for row in rows)))
        for at, head in enumerate(heads)
    ]
    for row in rows:
        row[-1] = _cut(str(row[-1]), _WIDTH - sum(taken) - 2 * len(taken))
    more = len(found.regions) - len(rows)
    note = f"{more:,} more are in --json and --report FILE" if more else ""
    return Table("Worst regions", (*heads, "reason"), rows, note)


def write_page(
    path: Path,
    pair_up: Comparison,
    found: Review,
    links: Mapping[int, str],
    names: tuple[str, str],
) -> list[str]:
    """Write the HTML file.

    Args:
        path: the file; replaced if it exists.
        pair_up: what was compared.
        found: in it.
        links: place of a region → address of the page that shows it.
        names: what to call truth and prediction.

    Returns:
        what a reader of the command's output must know of the page.

    Raises:
        WriteError: the file cannot be written.
    """
    shown = found.regions[:_PICTURED]
    panels, absent = region_panels(pair_up, shown, found.task, links)
    step(f"writing {path}")
    notes = [HELD_OUT, *found.notes, "dark and flat close-ups are brightened"]
    if links:
        notes.append("links open while `maskloom label` runs on the project")
    if absent:
        notes.append(f"{absent} of {len(shown)} regions are shown without their image")
    if len(found.regions) > len(shown):
        notes.append(f"the first {len(shown)} of {len(found.regions)} listed regions are shown")
    page = Report(
        title=f"Review of {names[0]}",
        task=found.task,
        metrics={},
        provenance={
            "severity": "certainty × share in dispute × reach / (reach + 0.75 % of the diagonal)",
            "regions in all": sum(found.counts.values()),
            "regions listed": len(found.regions),
        },
        notes=tuple(notes),
    )
    counts = Table(
        "What was found",
        ("kind", "regions", "meaning"),
        [(kind.replace("-", " "), found.counts[kind], about) for kind, about in ABOUT.items()],
    )
    facts = {"Truth": names[0], "Prediction": names[1], "Images": f"{found.samples:,}"}
    write_html(page, path, panels=panels, facts=facts, tables=(counts,), verdict=verdict(found))
    return [f"report: {notes[-1]}"] if absent else []


def _cut(text: str, width: int, *, front: bool = False) -> str:
    """At most `width` characters, the rest of the end (or of the front) as one mark."""
    if len(text) <= width:
        return text
    return "…" + text[1 - width :] if front else text[: width - 1] + "…"
