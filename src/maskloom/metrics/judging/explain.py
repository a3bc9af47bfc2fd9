"""The same data under every convention: how each number moves, and which rules move it.

Two tools that give different numbers for the same masks follow different rules; here both are
named. Samples are read once for all conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.report import Score
from maskloom.metrics.conventions import CONVENTIONS, MASKLOOM, Convention
from maskloom.metrics.judging.align import compare
from maskloom.metrics.judging.families import FAMILIES, families_of, make_families
from maskloom.metrics.judging.judge import Terms, check_terms
from maskloom.metrics.judging.scene import Scene
from maskloom.metrics.judging.tally import Tally
from maskloom.work.progress import track


@dataclass(frozen=True, slots=True)
class Move:
    """One score under one convention.

    Args:
        metric: its name.
        convention: whose rules.
        value: None where it is undefined.
        difference: from `maskloom`, None where one of both is undefined.
        because: the rules that differ, as `rule: theirs (maskloom: ours)`.
    """

    metric: str
    convention: str
    value: Score
    difference: Score
    because: tuple[str, ...]


def explain(truth: Dataset, predicted: Dataset, terms: Terms) -> tuple[Move, ...]:
    """Score the data under each convention that has rules for a family of the task.

    Args:
        truth: as for `judge`.
        predicted: likewise.
        terms: likewise; its own convention makes no difference.

    Returns:
        the scores metric by metric, `maskloom` first.
    """
    pair_up = compare(truth, predicted, missing=terms.missing, renames=terms.renames)
    task = check_terms(pair_up, terms)
    names = families_of(task, terms.metrics)
    tallies: dict[str, Tally] = {}
    for convention in CONVENTIONS.values():
        own = tuple(name for name in names if _governs(convention, name))
        if own:
            made = make_families(own, pair_up.taxonomy, convention, terms.settings)
            tallies[convention.name] = Tally(made)
    for pair in track(pair_up.pairs, "scoring", unit="images"):
        scene = Scene(pair_up, pair)
        for tally in tallies.values():
            tally.update(scene)
    found = {name: tally.result().metrics for name, tally in tallies.items()}
    ours = found[MASKLOOM.name] if found else {}
    return tuple(
        _move(metric, rules, CONVENTIONS[name], scores[metric], ours[metric])
        for family in names
        for metric, rules in FAMILIES[family].rules.items()
        if metric in ours and (not terms.metrics or metric in terms.metrics)
        for name, scores in found.items()
        if metric in scores and CONVENTIONS[name].governs(metric, rules)
    )


def differences(convention: Convention, rules: str) -> tuple[str, ...]:
    """The rules of one name in which a convention is not `maskloom`."""
    ours, theirs = (_plain(one.rules(rules)) for one in (MASKLOOM, convention))
    return tuple(
        f"{rule}: {theirs[rule]} (maskloom: {ours[rule]})"
        for rule in theirs
        if theirs[rule] != ours[rule]
    )


def _governs(convention: Convention, family: str) -> bool:
    rules = FAMILIES[family].rules.values()
    return any(getattr(convention, name) is not None for name in rules)


def _move(metric: str, rules: str, convention: Convention, value: Score, ours: Score) -> Move:
    gap = None if value is None or ours is None else value - ours
    return Move(metric, convention.name, value, gap, differences(convention, rules))


def _plain(rules: Any) -> dict[str, str]:
    """Rule → value as people read it; rules within rules have dotted names."""
    out: dict[str, str] = {}
    for name, value in asdict(rules).items():
        if isinstance(value, Mapping):
            out |= {f"{name}.{k}": _said(v) for k, v in value.items()}
        else:
            out[name] = _said(value)
    return out


def _said(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
