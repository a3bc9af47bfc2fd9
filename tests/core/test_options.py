from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from maskloom.core.options import describe_options, parse_settings
from maskloom.errors import UsageError


@dataclass(frozen=True)
class Reading:
    segmentation: Literal["polygon", "rle"] = field(default="rle", metadata={"help": "how"})
    colors: Path | None = None
    strict: bool = True
    from_: str = ""


@dataclass(frozen=True)
class Net:
    depth: int = 4
    rate: float = 0.1
    window: tuple[int, int] = (64, 64)
    widths: tuple[int, ...] = ()
    strict: bool = False

    def __post_init__(self):
        if self.depth < 1:
            raise ValueError("depth must be at least 1")


@dataclass(frozen=True)
class Needy:
    name: str


BOTH = {"from": Reading, "model": Net}


def test_no_settings_give_the_defaults_of_every_target():
    assert parse_settings([], BOTH) == {"from": Reading(), "model": Net()}


@pytest.mark.parametrize(
    ("setting", "attribute", "value"),
    [
        ("depth=7", "depth", 7),
        ("rate=1e-3", "rate", 1e-3),
        ("window=32,48", "window", (32, 48)),
        ("widths=1, 2,3", "widths", (1, 2, 3)),
        ("widths=", "widths", ()),
        ("model.strict=yes", "strict", True),
        ("model.strict=OFF", "strict", False),
    ],
)
def test_values_are_read_by_the_type_of_the_field(setting, attribute, value):
    assert getattr(parse_settings([setting], BOTH)["model"], attribute) == value


def test_a_path_a_choice_none_and_a_trailing_underscore_are_read():
    got = parse_settings(["colors=a=b.txt", "segmentation=polygon", "from.from=x"], BOTH)["from"]
    assert got == Reading("polygon", Path("a=b.txt"), from_="x")
    assert parse_settings(["colors=none"], BOTH)["from"].colors is None


def test_a_later_setting_wins_and_dashes_are_underscores():
    @dataclass(frozen=True)
    class Dashed:
        two_words: int = 0

    assert parse_settings(["two-words=1", "m.two-words=2"], {"m": Dashed})["m"].two_words == 2


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("depht=3", ["depht", "did you mean 'depth'", "model.depth", "from.colors"]),
        ("to.depth=3", ["to.depth", "known settings"]),
        ("strict=1", ["ambiguous", "from.strict", "model.strict"]),
        ("depth", ["KEY=VALUE"]),
        ("=3", ["KEY=VALUE"]),
        ("depth=deep", ["deep", "expected int"]),
        ("depth=0", ["depth must be at least 1"]),
        ("rate=nan", ["nan"]),
        ("window=1", ["expected int,int"]),
        ("segmentation=mask", ["expected polygon|rle"]),
        ("model.strict=maybe", ["maybe", "expected bool"]),
    ],
)
def test_a_bad_setting_is_one_error_that_lists_what_is_known(setting, words):
    with pytest.raises(UsageError) as caught:
        parse_settings([setting], BOTH)
    for word in words:
        assert word.lower() in caught.value.message.lower()


def test_a_required_option_that_is_missing_is_named():
    with pytest.raises(UsageError, match=r"model\.name"):
        parse_settings([], {"model": Needy})


def test_a_target_without_options_takes_none():
    with pytest.raises(UsageError, match=r"[Nn]othing here can be set"):
        parse_settings(["a=1"], {})


@given(st.integers(1, 10**6), st.floats(allow_nan=False), st.booleans())
def test_what_is_written_with_repr_is_read_back(depth, rate, strict):
    got = parse_settings([f"depth={depth}", f"rate={rate!r}", f"model.strict={strict}"], BOTH)
    assert got["model"] == Net(depth=depth, rate=rate, strict=strict)


def test_options_describe_themselves():
    rows = describe_options(Reading)
    assert [row.key for row in rows] == ["segmentation", "colors", "strict", "from"]
    assert (rows[0].type, rows[0].default, rows[0].help) == ("polygon|rle", "rle", "how")
    assert (rows[1].type, rows[1].default) == ("path or none", "none")
    assert rows[2].default == "true"
    assert describe_options(Needy)[0].default == "required"
    assert describe_options(Net)[2].default == "64,64"
