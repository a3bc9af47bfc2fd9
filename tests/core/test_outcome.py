from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.outcome import Outcome, envelope, plain
from maskloom.version import __version__


def test_the_exit_code_tells_what_was_found_or_left_out():
    assert Outcome({}).exit_code == 0
    assert Outcome({}, warnings=("odd",)).exit_code == 0
    assert Outcome({}, failures=("a.png: truncated",)).exit_code == 1
    assert Outcome({}, found=True).exit_code == 1


def test_the_envelope_has_five_keys_and_plain_values():
    outcome = Outcome({"miou": np.float64(0.5)}, warnings=("w",), failures=("f",))
    got = envelope("evaluate", {"truth": Path("a/b"), "from": None, "set": ("x=1",)}, outcome)
    assert got == {
        "maskloom": __version__,
        "verb": "evaluate",
        "inputs": {"truth": "a/b", "from": None, "set": ["x=1"]},
        "results": {"miou": 0.5},
        "warnings": ["w", "f"],
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (np.float32("inf"), None),
        (np.array([1.0, np.nan]), [1.0, None]),
        (np.int64(3), 3),
        (np.bool_(True), True),
        ({1: (2, 3)}, {"1": [2, 3]}),
        ({"b", "a"}, ["a", "b"]),
        (np.str_("x"), "x"),
    ],
)
def test_numpy_and_undefined_values_become_json(value, expected):
    got = plain(value)
    assert got == expected
    assert json.loads(json.dumps(got, allow_nan=False)) == expected


def test_what_has_no_json_form_is_refused():
    with pytest.raises(TypeError, match="object"):
        plain({"a": object()})
