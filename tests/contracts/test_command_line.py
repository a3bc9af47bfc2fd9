"""What scripts rely on, held on the real verbs."""

from __future__ import annotations

import json

import pytest

from maskloom.faces.cli import main
from maskloom.faces.signature import load_verb
from maskloom.verbs import VERBS
from maskloom.version import __version__


def run(capsys, *words):
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


def test_the_envelope_of_a_real_verb(capsys, tmp_path):
    target = tmp_path / "out.json"
    code, out, err = run(capsys, "list", "formats", "--json", target)
    whole = json.loads(target.read_text())
    assert code == 0
    assert list(whole) == ["maskloom", "verb", "inputs", "results", "warnings"]
    assert (whole["maskloom"], whole["verb"]) == (__version__, "list")
    assert {"coco", "bitmap"} <= {row["name"] for row in whole["results"]["rows"]}
    assert "coco" in out
    assert "\x1b" not in out + err


def test_json_on_stdout_is_all_that_stands_there(capsys):
    code, out, _ = run(capsys, "list", "formats", "--json", "-")
    assert code == 0
    assert json.loads(out)["verb"] == "list"


def test_version(capsys):
    assert run(capsys, "--version")[:2] == (0, f"maskloom {__version__}\n")


@pytest.mark.parametrize("verb", ["check", "convert", "evaluate", "predict", "train"])
def test_a_missing_source_is_exit_2_with_one_line(verb, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    signature = load_verb(verb)
    known = {"model": "unet" if verb == "train" else "otsu", "to": "coco", "out": "out"}
    words = [verb, *("absent/nowhere" for item in signature.positionals if item.required)]
    for item in signature.options:
        if item.required:
            words += [item.flag, item.choices[0] if item.choices else known[item.public]]
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert f"maskloom {verb}: error: " in err
    assert "absent" in err
    assert "internal error" not in err
    assert err.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_an_unknown_option_is_exit_2(verb, capsys):
    code, out, err = run(capsys, verb, "--no-such-option")
    assert (code, out) == (2, "")
    assert "No such option" in err
