"""The demo: whole or not at all, replaces only itself, and scores what predict wrote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maskloom.errors import WriteError
from maskloom.store.project import Project
from maskloom.verbs import demo as module
from maskloom.verbs.demo import demo

pytest.importorskip("torch", reason="needs the extra train")


@pytest.mark.slow
def test_the_demo_leaves_data_run_predictions_and_report(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "SCENES", 20)
    out = tmp_path / "demo"
    done = demo(out, steps=2)
    results = done.results
    assert done.lines[-2].endswith(f"label {out / 'project'}")
    assert "first on coins-row" in done.lines[-1]
    assert set(results["metrics"]) == {"unet", "watershed"}
    # Otsu + watershed does not depend on the training: a fixed figure on a fixed photograph.
    assert results["metrics"]["watershed"]["ap50"] == pytest.approx(0.691, abs=0.001)
    assert results["metrics"]["watershed"]["miou"] == pytest.approx(0.769, abs=0.001)
    names = {p.name for p in out.iterdir()}
    assert {"real", "scenes", "run", "predicted", "project", "report.html"} <= names
    assert "raw" not in names
    with Project.open(out / "project", readonly=True) as project:
        layers = {info.name: info for info in project.layers()}
        assert layers["main"].objects == 24
        assert layers["main"].samples == layers[results["layer"]].samples == 4
        assert layers[results["layer"]].immutable
        assert [row.open for row in project.reviews()] == [results["regions"]]
        assert project.splits()["val"] == ("coins-row4",)
        assert all(project.image_path(i).is_relative_to(project.root) for i in range(1, 5))
    page = re.sub("<[^>]*>", "", (out / "report.html").read_text())
    assert "What to do next" in page
    for word in ("next", "again", "label"):
        (line,) = [one for one in done.lines if one.startswith(word)]
        assert line[8:] in page
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demo"]
    demo(out, steps=1)
    assert (out / "report.html").is_file()


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/text.tex").write_text("years of work")
    with pytest.raises(WriteError, match="no earlier demo"):
        demo(tmp_path / "thesis")
    assert (tmp_path / "thesis/text.tex").read_text() == "years of work"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["thesis"]
