"""How an error is told: sentences, with names and paths as they are written."""

from __future__ import annotations

import pytest

from maskloom.errors import UsageError


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("give one of: a, b", "Give one of: a, b."),
        ("known: a, b", "Known: a, b."),
        ("reload", "Reload."),
        ("docs/training.md tells the recipe", "docs/training.md tells the recipe."),
        ("torch, onnx, auto compute a network", "torch, onnx, auto compute a network."),
        ("maskloom reads YOLO boxes", "maskloom reads YOLO boxes."),
        ("nnU-Net wants 2D", "nnU-Net wants 2D."),
        ("`maskloom list` names them", "`maskloom list` names them."),
        ("pixel_size=1 says it", "pixel_size=1 says it."),
        ("give what is white: 1, 255, ...", "Give what is white: 1, 255, ..."),
        ("did you mean x?", "Did you mean x?"),
    ],
)
def test_a_hint_begins_with_a_capital_where_a_plain_word_does(hint: str, told: str) -> None:
    assert UsageError("no such thing", hint=hint).message == f"no such thing. {told}"


def test_a_question_has_no_full_stop_behind_it() -> None:
    asked = UsageError("no project, so where should it be written?", hint="say --out DST")
    assert asked.message == "no project, so where should it be written? Say --out DST."
    assert UsageError("what", where="here", seen=3).message == "here: what (saw 3)."


def test_a_hint_that_lists_names_of_a_hostile_file_is_cut():
    message = UsageError("no such class", hint=f"known: {'[' * 200_000}").message
    assert len(message) < 1100
    assert message.endswith("[...")


def test_a_place_that_a_hostile_file_names_is_cut_in_its_middle():
    message = UsageError("no such file", where=f"a.json: {'x' * 200_000}: id").message
    assert len(message) < 1100
    assert message.startswith("a.json: x")
    assert message.endswith("x: id: no such file.")
