"""Tables of errors in reports: when they are made, and by whomever they are counted."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.judging.judge import Terms, judge
from maskloom.metrics.judging.spread import Complete, Division, judge_divided
from maskloom.metrics.judging.tables import report_tables
from maskloom.report.html import render
from maskloom.work.executors import open_executor
from maskloom.work.shards import Share

AB = Taxonomy.from_names(["a", "b"])
OBJECTS = {"object_errors", "object_errors_by_class", "object_sizes"}
MAPS = {"error_distance", "error_distance_by_class", "regions"}
SIZE = (20, 24)


def drawn(rng, task):
    if task == "semantic":
        return Labels(
            SIZE, class_map=rng.integers(0, 2, SIZE).astype(np.uint8).repeat(4, 1)[:, :24]
        )
    dense = np.zeros((4, *SIZE), bool)
    for mask in dense:
        y, x = rng.integers(0, 12, 2)
        mask[y : y + 8, x : x + 8] = True
    rows = Rows.make(
        Masks.from_dense(dense), rng.integers(0, 2, 4), score=rng.integers(1, 4, 4) / 4
    )
    return Labels(SIZE, rows=rows)


def dataset(seed, task):
    rng = np.random.default_rng(seed)
    labels = {f"s{i}": drawn(rng, task) for i in range(7)}
    samples = tuple(
        Sample(key, ImageRef(None), tags={"site": "xy"[i % 2]}) for i, key in enumerate(labels)
    )
    return Dataset(AB, samples, lambda s: labels[s.key], name="d")


def opening(task):
    return dataset(0, task), dataset(1, task)


@pytest.mark.parametrize(("task", "names"), [("instance", OBJECTS), ("semantic", MAPS)])
def test_tables_are_made_where_no_score_is_named(task, names):
    report = judge(*opening(task), Terms(task=task))
    assert set(report.breakdowns) == set(report.to_json()["breakdowns"]) == names
    titles = [table.title for table in report_tables(report)]
    page = render(report)
    for table in report.breakdowns.values():
        assert table.title in titles
        assert table.title in page
    named = judge(*opening(task), Terms(task=task, metrics=("miou",)))
    assert named.breakdowns == {}
    assert "breakdowns" not in named.to_json()


@pytest.mark.parametrize("task", ["instance", "semantic"])
def test_slices_workers_and_shares_make_the_same_tables(task, tmp_path):
    terms = Terms(task=task)
    whole = judge(*opening(task), terms).breakdowns
    assert judge(*opening(task), Terms(task=task, by="site")).breakdowns == whole
    with open_executor("local", 2) as executor:
        found = judge_divided(*opening(task), terms, Division(partial(opening, task), executor))
    assert isinstance(found, Complete)
    assert found.report.breakdowns == whole
    with open_executor("local", 1) as executor:
        for number in (2, 1):
            division = Division(partial(opening, task), executor, Share(number, 2), tmp_path)
            last = judge_divided(*opening(task), terms, division)
    assert isinstance(last, Complete)
    assert last.report.breakdowns == whole


def test_counts_of_objects_agree_with_the_scores_beside_them():
    report = judge(*opening("instance"), Terms(task="instance"))
    errors = {row["error"]: row["count"] for row in report.breakdowns["object_errors"].records()}
    by_class = report.breakdowns["object_errors_by_class"].records()
    right = sum(row["right"] for row in by_class)
    total = sum(row["predictions"] + row["objects"] for row in by_class)
    assert report.metrics["f1_50"] == 2 * right / total
    assert errors["false negatives"] == sum(row["objects"] for row in by_class) - right
    kinds = ("class", "location", "both", "duplicate", "background")
    assert sum(errors[kind] for kind in kinds) == errors["false positives"]


def test_wrong_pixels_are_those_of_the_confusion_matrix():
    report = judge(*opening("semantic"), Terms(task="semantic"))
    matrix = report.confusion.matrix
    rows = report.breakdowns["error_distance"].records()
    wrong = int(matrix.sum() - np.trace(matrix))
    assert sum(row["wrong pixels"] for row in rows) == wrong > 0
    for k, name in enumerate(report.confusion.rows[:2]):
        own = [
            r for r in report.breakdowns["error_distance_by_class"].records() if r["class"] == name
        ]
        missed, extra = matrix[k].sum() - matrix[k, k], matrix[:, k].sum() - matrix[k, k]
        assert {r["error"]: r["pixels"] for r in own} == {"missed": missed, "extra": extra}
