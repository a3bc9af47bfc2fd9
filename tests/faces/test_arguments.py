from __future__ import annotations

import pytest

from maskloom.faces.arguments import spread


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("s d --map A=B C=D", "s d --map A=B --map C=D"),
        ("--map A=B C=D s d", "--map A=B --map C=D s d"),
        ("--map=A=B C=D s", "--map=A=B --map C=D s"),
        ("s --metrics a b --to upper", "s --metrics a --metrics b --to upper"),
        ("--metrics a b s", "--metrics a --metrics b s"),
        ("--to upper --metrics a b", "--to upper --metrics a b"),
        ("--metrics a s --map A=B", "--metrics a s --map A=B"),
        ("s --json - --map A=B C=D", "s --json - --map A=B --map C=D"),
        ("--map A=B -- s=1", "--map A=B -- s=1"),
        ("s --allow-loss --unknown x", "s --allow-loss --unknown x"),
        ("s --map", "s --map"),
    ],
)
def test_values_after_one_flag_are_spread(toys, typed, expected):
    assert " ".join(spread(typed.split(), toys["copy"])) == expected
