"""A report as one self-contained HTML file: no script from outside, no font, no request.

Pictures and charts are inline, and a content policy forbids everything else. Who looks offline,
on a phone or on paper sees the same. What is said is `words.py` and `pagedata.py`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from maskloom.core.outcome import Table
from maskloom.core.report import Report
from maskloom.report import pagedata
from maskloom.report.display import data_uri
from maskloom.report.gallery import Panel
from maskloom.report.heat import heat
from maskloom.report.meanings import MEANINGS
from maskloom.report.pagedata import PageCell, PageRow, PageTable
from maskloom.report.plots import charts
from maskloom.report.words import meaning, ranking
from maskloom.report.words import verdict as verdict_of
from maskloom.store.files import atomic_write_bytes
from maskloom.version import __version__

if TYPE_CHECKING:
    from jinja2 import Template

# Folded parts are opened for paper, and a table that is wider than the page says so and fades
# at its edge: nothing else tells where scroll bars hide. The policy admits this text and no
# other script.
_SCRIPT = (
    "addEventListener('beforeprint',()=>document.querySelectorAll('details')"
    ".forEach(d=>{d.open=true}));"
    "const edges=()=>document.querySelectorAll('.scroll').forEach(s=>{"
    "const hidden=s.scrollWidth-s.clientWidth;s.classList.toggle('wide',hidden>1);"
    "s.classList.toggle('more',hidden-s.scrollLeft>1)});"
    "addEventListener('scroll',edges,{capture:true,passive:true});"
    "addEventListener('resize',edges);addEventListener('toggle',edges,true);edges()"
)


_NUMBER = re.compile(r"[-–]|[-+–]?[\d,]*\.?\d+(e[-+]?\d+)?( ?%)?")
_WHOLE, _FIRST = 16, 10
"""Rows of the longest table that is shown whole, and those of a longer one before the fold."""
_CODE = frozenset({"command"})
"""Columns whose cells are to be copied into a terminal."""


def write_html(
    report: Report,
    path: Path,
    *,
    panels: Sequence[Panel] = (),
    facts: Mapping[str, str] | None = None,
    tables: Sequence[Table] = (),
    verdict: str = "",
) -> None:
    """Write a report as one HTML file, whole or not at all.

    Args:
        report: the scores and their circumstances.
        path: the file; replaced if it exists.
        panels: rows of pictures; neighbours of one `group` share a heading.
        facts: short statements for the head of the page, e.g. {"Data": "camvid", "Model": ...}.
        tables: further tables, drawn after the scores.
        verdict: the sentence below the title; empty makes one from the scores.

    Raises:
        WriteError: the file cannot be written.
    """
    atomic_write_bytes(
        path, render(report, panels=panels, facts=facts, tables=tables, verdict=verdict).encode()
    )


def render(
    report: Report,
    *,
    panels: Sequence[Panel] = (),
    facts: Mapping[str, str] | None = None,
    tables: Sequence[Table] = (),
    verdict: str = "",
) -> str:
    """The text that `write_html` writes."""
    legend = pagedata.legend(panels, report)
    large, rest = pagedata.scores(report)
    by = ranking(report)
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    page: str = _template().render(
        title=report.title,
        verdict=verdict or verdict_of(report),
        facts=list((facts or {}).items()),
        large=large,
        ranked=None if by is None else meaning(by).label,
        absent=pagedata.left_out(report),
        rest=rest,
        classes=pagedata.class_tables(report, dict(legend)),
        slices=pagedata.named_table((str(k), v) for k, v in report.per_slice.items()),
        samples=pagedata.named_table((str(row["key"]), row) for row in report.per_sample),
        heat=None if report.confusion is None else heat(report.confusion),
        charts=charts(report.curves),
        intervals=report.provenance.get("intervals", ""),
        tables=[_page_table(table) for table in tables],
        breakdowns=[_page_table(table) for table in report.breakdowns.values()],
        groups=[_group(name, list(part)) for name, part in groupby(panels, lambda p: p.group)],
        legend=legend,
        notes=report.notes,
        provenance=pagedata.facts(dict(report.provenance)),
        version=__version__,
        style=Markup(_style()),
        script=Markup(_SCRIPT),
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'",
    )
    return page


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("maskloom.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


@cache
def _style() -> str:
    return (files("maskloom.report") / "templates" / "style.css").read_text(encoding="utf-8")


def _page_table(table: Table) -> dict[str, object]:
    columns = [str(column) for column in table.columns] or [""]
    rows = []
    for row in table.rows:
        first, *others = [pagedata.cell(value) for value in row] or [PageCell("")]
        cells = (
            replace(cell, words=cell.words and not _NUMBER.fullmatch(cell.text), code=name in _CODE)
            for cell, name in zip(others, columns[1:], strict=False)
        )
        rows.append(PageRow(first.text, tuple(cells)))
    heads = [_heading(name) for name in columns]
    shown = tuple((head, "") for head in heads[1:])
    cut = len(rows) if len(rows) <= _WHOLE else _FIRST
    return {
        "title": table.title,
        "head": heads[0],
        "body": PageTable(shown, tuple(rows[:cut])),
        "rest": PageTable(shown, tuple(rows[cut:])),
        "note": table.note,
    }


def _heading(name: str) -> str:
    """What a score is called, or the words themselves; those of the page begin with a capital."""
    if name in MEANINGS:
        return MEANINGS[name].label
    first = name.partition(" ")[0]
    return name[:1].upper() + name[1:] if first.islower() else name


def _group(name: str, panels: list[Panel]) -> dict[str, object]:
    shown = [
        {
            "key": panel.key,
            "caption": panel.caption,
            "score": None if panel.score is None else f"{panel.score:.3f}",
            "pictures": [
                {
                    "label": label,
                    "uri": data_uri(picture),
                    "height": picture.shape[0],
                    "width": picture.shape[1],
                }
                for label, picture in panel.pictures
            ],
            "errors": [(text, pagedata.css(color)) for text, color in panel.errors],
            "link": panel.link,
            "full": panel.full,
        }
        for panel in panels
    ]
    close = all(panel.close for panel in panels)
    linked = any(panel.link for panel in panels)
    return {"name": name or "Images", "panels": shown, "close": close, "linked": linked}
