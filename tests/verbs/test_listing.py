from __future__ import annotations

import json
import subprocess
import sys

import pytest

from maskloom import registry
from maskloom.core.outcome import plain
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import UsageError
from maskloom.faces.cli import main
from maskloom.metrics.judging.families import TASKS, metrics_of
from maskloom.store.project import Project
from maskloom.verbs.init import init
from maskloom.verbs.listing import list_

KINDS = ("models", "methods", "formats", "metrics", "losses", "augmentations", "refinements")


@pytest.mark.parametrize("what", KINDS)
def test_every_kind_is_listed_with_name_task_and_about(what):
    outcome = list_(what)
    for row in outcome.results["rows"]:
        assert row["name"]
        assert row["about"]
        assert set(row["task"]) <= {"semantic", "instance", "panoptic"}
        assert isinstance(row["installed"], bool)
    json.dumps(plain(outcome.results))


@pytest.mark.parametrize("what", sorted(registry.TABLES))
def test_the_rows_are_the_registry_in_order(what):
    assert [row["name"] for row in list_(what).results["rows"]] == list(registry.TABLES[what])


def test_the_listed_metrics_are_those_that_a_judgement_gives():
    for task in TASKS:
        listed = {r["name"] for r in list_("metrics").results["rows"] if task in r["task"]}
        assert listed == set(metrics_of(task))


def test_formats_say_what_they_hold_and_what_can_be_set():
    rows = {row["name"]: row for row in list_("formats").results["rows"]}
    assert rows["coco"]["holds"]["overlap"] is True
    keys = {option["key"] for option in rows["coco"]["options"]}
    assert {"from.group", "to.images"} <= keys


def test_losses_and_augmentations_show_the_recipe_option_that_sets_them():
    for what in ("losses", "augmentations"):
        for row in list_(what).results["rows"]:
            assert [option["key"] for option in row["options"]] in ([row["name"]], [])


def test_the_options_of_one_name_are_a_table_with_defaults_and_help():
    outcome = list_("methods", options="otsu")
    assert [row["name"] for row in outcome.results["rows"]] == ["otsu"]
    cells = {row[0]: row for row in outcome.tables[1].rows}
    assert cells["method.blur"][2] == "1.0"
    assert "sigma" in cells["method.blur"][3]


def test_an_unknown_name_lists_the_known():
    with pytest.raises(UsageError, match=r"Did you mean otsu\? known: otsu, watershed"):
        list_("methods", options="otso")
    with pytest.raises(UsageError, match=r"Known: otsu, watershed"):
        list_("methods", options="zzz")


def test_commands_that_are_printed_can_be_copied(tmp_path):
    root = tmp_path / "my proj"
    (line,) = init(root).lines[1:]
    assert line == f"next: maskloom import SRC '{root}', then maskloom label '{root}'"
    assert list_("runs", root).lines == (f"no runs yet: maskloom train '{root}'",)


def test_the_help_says_what_can_be_listed(capsys):
    assert main(["list", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Arguments: WHAT" in said
    assert "One of: models, methods, formats," in said
    assert "layers, runs." in said


def test_an_empty_kind_says_so(monkeypatch):
    monkeypatch.setattr(registry, "REFINEMENTS", {})
    outcome = list_("refinements")
    assert outcome.results["rows"] == []
    assert outcome.lines == ("There are no refinements yet.",)


def test_an_extra_is_installed_only_if_all_its_packages_are(monkeypatch):
    monkeypatch.setitem(registry.EXTRAS, "train", ("numpy", "no_such_package"))
    (row,) = [row for row in list_("models").results["rows"] if row["name"] == "unet"]
    assert row["installed"] is False
    assert "not installed" in str(list_("models").tables[0].rows)


def test_listing_loads_no_torch():
    code = (
        "import sys\nfrom maskloom.verbs.listing import list_\n"
        f"for what in {KINDS!r}: list_(what)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_layers_and_runs_of_a_project_are_listed_the_broken_ones_too(tmp_path):
    root = tmp_path / "project"
    with Project.create(root, taxonomy=Taxonomy.from_names(["cell"])):
        pass
    assert [row["name"] for row in list_("layers", root).results["rows"]] == ["main"]
    assert list_("runs", root).lines == (f"no runs yet: maskloom train {root}",)
    (root / "runs/1").mkdir(parents=True)
    (row,) = list_("runs", root).results["rows"]
    assert (row["name"], row["score"]) == ("runs/1", None)
    assert "no model" in row["problem"]


def test_a_project_belongs_to_layers_and_runs_alone(tmp_path):
    with pytest.raises(UsageError, match="of which project"):
        list_("layers")
    with pytest.raises(UsageError, match="not of a project"):
        list_("models", tmp_path)
    with pytest.raises(UsageError, match="no such project"):
        list_("runs", tmp_path / "none")
