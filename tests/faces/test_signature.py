from __future__ import annotations

from typing import Any

import pytest

from maskloom.core.outcome import Outcome
from maskloom.errors import UsageError
from maskloom.faces.signature import load_verb, read_signature


def test_a_signature_is_read_from_types_and_docstring(toys):
    copy = {item.public: item for item in toys["copy"].parameters}
    assert [item.flag for item in toys["copy"].options][:3] == ["--to", "--from", "--times"]
    assert [item.public for item in toys["copy"].positionals] == ["src", "dst"]
    assert copy["src"].help == "what to read, on two lines: really."
    assert copy["to"].choices == ("upper", "lower")
    assert copy["to"].required
    assert copy["to"].help == "the case."
    assert copy["map"].repeated
    assert copy["scale"].nullable
    assert not copy["scale"].required
    assert copy["allow_loss"].flag == "--allow-loss"
    assert copy["files"].type == "path,..."
    assert toys["copy"].text == "Copy a thing.\n\nMore about it, in\ntwo lines."


def test_an_unknown_verb_lists_the_known():
    with pytest.raises(UsageError, match="convert"):
        load_verb("transmogrify")


def test_a_type_that_no_face_can_spell_is_refused():
    def odd(a: dict[str, Any]) -> Outcome:
        return Outcome({"a": a})

    def bare(a) -> Outcome:
        return Outcome({"a": a})

    with pytest.raises(TypeError, match="'a'"):
        read_signature(odd, verb="odd")
    with pytest.raises(TypeError, match="'a'"):
        read_signature(bare, verb="bare")


def test_arguments_have_python_names_and_defaults(toys):
    got = toys["copy"].arguments({"src": "a", "to": "upper", "from": "b"})
    assert got["from_"] == "b"
    assert got["times"] == 1
    assert toys["copy"].public(got)["from"] == "b"
