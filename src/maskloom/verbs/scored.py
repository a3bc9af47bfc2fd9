"""What `evaluate` says of a judgement: what only the verb knows, the report file, the outcome.

No verb: how labels are judged is `metrics/judging/judge.py`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskloom.core.dataset import Dataset
    from maskloom.core.outcome import Outcome
    from maskloom.core.report import Report
    from maskloom.metrics.judging.judge import Terms
    from maskloom.verbs.beside import Beside


def completed(
    judged: Report, sides: tuple[Dataset, Dataset], predicted: Path, terms: Terms
) -> Report:
    """The report with what only the verb knows: names, hashes, and what a model was trained on."""
    from maskloom.metrics.judging.align import compare
    from maskloom.verbs.sides import trained_on_note
    from maskloom.work.progress import step

    hashes: dict[str, str] = {}
    if "truth_hash" not in judged.provenance:
        step("hashing both sides")
        hashes = compare(*sides, missing=terms.missing, renames=terms.renames).hashes()
    seen = trained_on_note(predicted, [str(row["key"]) for row in judged.per_sample])
    return replace(
        judged,
        title=f"{sides[1].name or 'prediction'} against {sides[0].name or 'truth'}",
        provenance={**judged.provenance, **hashes},
        notes=(*judged.notes, *([seen] if seen else [])),
    )


def write_report(
    judged: Report,
    path: Path | None,
    sides: tuple[Dataset, Dataset],
    terms: Terms,
    more: tuple[Beside | None, ...],
) -> None:
    """The HTML file, if one was asked for."""
    if path is None:
        return
    from maskloom.core.outcome import counted
    from maskloom.metrics.judging.pictures import error_panels
    from maskloom.report.html import write_html
    from maskloom.work.progress import step

    step(f"writing {path}")
    truth, predicted = sides
    facts = {
        "Truth": f"{truth.name}, {counted(len(judged.per_sample), 'image')}",
        "Prediction": predicted.name,
        "Task": judged.task,
    }
    if "governs" in judged.provenance:
        facts["Convention"] = f"{terms.convention.name}: {judged.provenance['governs']}"
    panels = error_panels(judged, truth, predicted, terms)
    tables = [table for one in more if one is not None for table in one.tables()]
    write_html(judged, path, panels=panels, facts=facts, tables=tables)


def outcome_of(
    judged: Report,
    sides: tuple[Dataset, Dataset],
    report: Path | None,
    more: tuple[Beside | None, ...],
) -> Outcome:
    """Results, tables and warnings of a judgement."""
    from maskloom.core.outcome import Outcome
    from maskloom.metrics.judging.tables import report_tables
    from maskloom.verbs.sides import side_warnings

    results = judged.to_json()
    if report is not None:
        results["report"] = report
    beside = [one for one in more if one is not None]
    results |= {one.name: one.results() for one in beside}
    return Outcome(
        results=results,
        tables=(*report_tables(judged), *(table for one in beside for table in one.tables())),
        lines=(f"report: {report}",) if report is not None else (),
        warnings=(
            *side_warnings(sides, pictures=report is not None),
            *judged.notes,
            *(note for one in beside for note in one.notes()),
        ),
    )
