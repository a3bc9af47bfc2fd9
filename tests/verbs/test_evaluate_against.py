"""Intervals of `evaluate`, and one prediction against another."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from maskloom.errors import DataError, UsageError
from maskloom.faces.cli import main
from maskloom.verbs.evaluate import evaluate

ERRORS = ("assd", "hd", "hd95", "area_error", "area_error_relative")


@pytest.fixture
def maps(tmp_path):
    """Ten class maps; `good` is right in nine of ten pixels, `bad` in seven."""
    rng = np.random.default_rng(0)
    for n in range(10):
        truth = np.kron(rng.integers(0, 3, (6, 8)), np.ones((8, 8), int)).astype(np.uint8)
        for name, wrong in (("truth", 0.0), ("good", 0.1), ("bad", 0.3)):
            noise = rng.integers(0, 3, truth.shape).astype(np.uint8)
            out = np.where(rng.random(truth.shape) < wrong * 1.5, noise, truth)
            path = tmp_path / name / f"{n}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(out).save(path)
    return tmp_path


def test_every_score_of_a_data_set_has_an_interval_around_it(maps):
    found = evaluate(maps / "truth", maps / "good").results
    assert set(found["intervals"]) == set(found["metrics"])
    for name, bounds in found["intervals"].items():
        assert bounds["low"] <= found["metrics"][name] <= bounds["high"]
        assert bounds["high"] - bounds["low"] < 0.05 or name in ERRORS
        assert bounds["undefined"] == 0
    said = found["provenance"]["intervals"]
    assert said == "95 % of 1000 resamples of 10 samples; so few that they are rough"
    assert evaluate(maps / "truth", maps / "good").results["intervals"] == found["intervals"]
    none = evaluate(maps / "truth", maps / "good", resamples=0).results
    assert "intervals" not in none
    assert none["metrics"] == found["metrics"]


def test_workers_make_the_same_intervals(maps):
    one = evaluate(maps / "truth", maps / "good", resamples=50).results
    two = evaluate(maps / "truth", maps / "good", resamples=50, workers=2).results
    assert two["intervals"] == one["intervals"]


def test_the_better_of_two_predictions_is_found(maps, capsys):
    files = ["--json", str(maps / "out.json"), "--report", str(maps / "out.html")]
    sides = [str(maps / "truth"), str(maps / "good"), "--against", str(maps / "bad")]
    code = main(["evaluate", *sides, *files])
    assert code == 0
    said = capsys.readouterr().out
    assert "Against bad" in said
    found = json.loads((maps / "out.json").read_text())["results"]
    other = evaluate(maps / "truth", maps / "bad").results
    assert found["against"]["metrics"] == other["metrics"]
    for name, gap in found["against"]["difference"].items():
        assert gap == pytest.approx(found["metrics"][name] - other["metrics"][name])
        bounds = found["against"]["intervals"][name]
        assert bounds["low"] <= gap <= bounds["high"]
        if name in ERRORS:
            assert gap < 0
        else:
            assert bounds["low"] > 0
    for test in found["against"]["tests"]:
        assert test["pairs"] == 10
        assert test["permutation"] == 2 / 2**10
        assert test["holm"] == pytest.approx(len(found["against"]["tests"]) * 2 / 2**10)
    assert "Sample by sample" in (maps / "out.html").read_text()


@pytest.mark.parametrize("what", ["nope", "empty", "partly"])
def test_another_prediction_that_cannot_be_is_refused_before_the_first_is_scored(
    maps, capsys, what
):
    if what != "nope":
        (maps / what).mkdir()
    if what == "partly":
        Image.open(maps / "bad/0.png").save(maps / "partly/0.png")
    sides = [str(maps / "truth"), str(maps / "good"), "--against", str(maps / what)]
    assert main(["evaluate", *sides]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    # Steps are told on stderr, and a scored data set is hashed.
    (line,) = said.err.splitlines()
    assert line.startswith("maskloom evaluate: error: ")
    assert what in line


def test_scores_that_few_samples_have_say_so_at_the_terminal_and_in_the_report(tmp_path, capsys):
    for n in range(10):
        for side in ("truth", "predicted"):
            (tmp_path / side).mkdir(exist_ok=True)
            mask = np.zeros((8, 8), np.uint8)
            mask[2:6, 2:6] = 255 * (n < 2)
            Image.fromarray(mask).save(tmp_path / side / f"{n}.png")
    sides = [str(tmp_path / "truth"), str(tmp_path / "predicted")]
    words = ["--metrics", "miou", "--report", str(tmp_path / "out.html"), "--json", "-"]
    assert main(["evaluate", *sides, *words]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)["results"]
    share = found["intervals"]["miou"]["undefined"]
    # No sample that shows the class is drawn in 0.8 ** 10 of all draws.
    assert share == pytest.approx(0.8**10, abs=0.03)
    line = f"miou is undefined in {100 * share:.0f} % of the resamples"
    assert line in said.err
    assert line in (tmp_path / "out.html").read_text()


def test_predictions_of_other_samples_are_not_compared(maps):
    (maps / "bad/3.png").unlink()
    with pytest.raises(DataError, match=r"of different samples.*3 and 0 more"):
        evaluate(maps / "truth", maps / "good", against=maps / "bad", missing="skip")
    found = evaluate(maps / "truth", maps / "good", against=maps / "bad", missing="empty")
    assert any(line.startswith("bad: ") for line in found.warnings)


def test_distances_are_not_compared_where_a_class_is_missed(maps):
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(maps / "bad/3.png")
    found = evaluate(maps / "truth", maps / "good", against=maps / "bad")
    assert found.results["against"]["difference"]["hd"] is None
    assert "hd" not in found.results["against"]["intervals"]
    assert found.results["against"]["difference"]["miou"] > 0
    assert any("assd, hd, hd95 are not compared" in line for line in found.warnings)
    better = {row[0]: row[-1] for row in found.tables[-2].rows}
    assert (better["miou"], better["area_error"], better["hd"]) == ("this", "this", "-")
    asked = evaluate(maps / "truth", maps / "good", against=maps / "bad", metrics=("nsd",))
    assert [test["name"] for test in asked.results["against"]["tests"]] == ["nsd"]


def test_a_prediction_is_as_good_as_itself(maps):
    found = evaluate(maps / "truth", maps / "good", against=maps / "good").results["against"]
    assert set(found["difference"].values()) == {0.0}
    assert all(test["permutation"] == 1.0 for test in found["tests"])


def test_shards_are_not_compared(maps):
    with pytest.raises(UsageError, match="--against is not divided"):
        evaluate(
            maps / "truth", maps / "good", against=maps / "bad", shard="1/2", parts=maps / "parts"
        )
