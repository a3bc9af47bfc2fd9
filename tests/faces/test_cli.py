from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from maskloom.faces.cli import main

pytestmark = pytest.mark.usefixtures("toys")


def test_stdout_is_for_people_and_stderr_for_the_rest(capsys):
    assert main(["copy", "a", "--to", "upper"]) == 0
    got = capsys.readouterr()
    assert got.out == "The table\nname   value\na     1.5000\nbb         -\na note\n\na line\n"
    assert got.err == "a library prints\ncopying\nwarning: odd\n"


def test_json_to_stdout_is_alone_there(capsys):
    assert main(["copy", "a", "--to", "lower", "--map", "A=B", "C=D", "--json", "-"]) == 0
    got = capsys.readouterr()
    whole = json.loads(got.out)
    assert list(whole) == ["maskloom", "verb", "inputs", "results", "warnings"]
    assert whole["inputs"]["map"] == ["A=B", "C=D"]
    assert whole["inputs"]["from"] is None
    assert whole["results"]["nan"] is None
    assert whole["warnings"] == ["odd"]
    assert "The table" in got.err


def test_json_to_a_file_replaces_it_whole(tmp_path, capsys):
    target = tmp_path / "new/out.json"
    assert main(["copy", "a", "--to", "lower", "--json", str(target)]) == 0
    assert json.loads(target.read_text())["verb"] == "copy"
    assert [path.name for path in target.parent.iterdir()] == ["out.json"]
    assert "The table" in capsys.readouterr().out


def test_a_name_that_no_encoding_can_spell_survives_in_json(tmp_path):
    target = tmp_path / "out.json"
    assert main(["copy", "caf\udce9-é", "--to", "lower", "--json", str(target)]) == 0
    assert "caf\\udce9-é" in target.read_text(encoding="utf-8")
    assert json.loads(target.read_text(encoding="utf-8"))["inputs"]["src"] == "caf\udce9-é"


def test_the_machine_form_may_go_to_a_device(tmp_path):
    assert main(["copy", "a", "--to", "lower", "--json", os.devnull]) == 0


def test_values_arrive_with_their_types(capsys):
    words = (
        "copy a b --to upper --times 3 --scale 0.5 --allow-loss --metrics x,y z --files p --files q"
    )
    assert main([*words.split(), "--json", "-"]) == 0
    whole = json.loads(capsys.readouterr().out)
    kinds = whole["results"]["types"]
    assert kinds["src"].endswith("Path")
    assert kinds["dst"].endswith("Path")
    assert (kinds["times"], kinds["scale"], kinds["allow_loss"]) == ("int", "float", "bool")
    assert (kinds["metrics"], kinds["files"], kinds["map_"]) == ("tuple",) * 3
    assert whole["inputs"]["metrics"] == ["x", "y", "z"]
    assert whole["inputs"]["files"] == ["p", "q"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("copy", "missing argument 'src'"),
        ("copy a", "missing option '--to'"),
        ("copy a --to sideways", "'sideways' is not one of"),
        ("copy a --to upper --times x", "'x' is not a valid integer"),
        ("copy a --too upper", "no such option"),
        ("copy a b c --to upper", "unexpected extra argument"),
        ("cpoy", "no such command"),
        ("--nope", "no such option"),
        ("copy a --to upper --json .", "is a folder"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(words, said, capsys):
    assert main(words.split()) == 2
    got = capsys.readouterr()
    assert got.out == ""
    assert said in got.err.lower()
    assert got.err.count("\n") == 1
    assert got.err.startswith("maskloom")
    assert "error: " in got.err


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("usage", 2, "error: f.json: id 3: a bad thing (saw 7). Mend it."),
        ("loss", 1, "3 holes would be lost"),
        ("full", 2, "out.bin: the disk is full. Free some space"),
        ("absent", 2, "in.bin: no such file or folder"),
        ("memory", 2, "not enough memory (saw '8 GiB')"),
        ("bug", 2, "internal error, please report it (KeyError"),
        ("interrupt", 130, "interrupted"),
    ],
)
def test_an_exception_is_one_message_and_never_a_traceback(how, code, said, capsys):
    assert main(["fail", "--how", how]) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.startswith("maskloom fail: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert "\x1b" not in err


def test_a_traceback_can_be_asked_for(monkeypatch, capsys):
    monkeypatch.setenv("MASKLOOM_DEBUG", "1")
    assert main(["fail", "--how", "bug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_what_is_found_or_left_out_is_exit_1(capsys):
    assert main(["fail", "--how", "found"]) == 1
    assert main(["fail", "--how", "item"]) == 1
    assert capsys.readouterr().err == "failed: a.png: bad\n"
    assert main(["fail", "--how", "nothing"]) == 0


def test_an_empty_path_is_refused(capsys):
    assert main(["copy", "", "--to", "upper"]) == 2
    assert "SRC: the path is empty" in capsys.readouterr().err


def test_the_machine_form_never_overwrites_an_input(tmp_path, capsys):
    source = tmp_path / "labels.json"
    source.write_text("{}")
    assert main(["copy", str(source), "--to", "upper", "--json", str(source)]) == 2
    assert source.read_text() == "{}"
    assert "overwrite an input" in capsys.readouterr().err


def test_help_of_a_verb_has_its_parameters(capsys):
    assert main(["copy", "--help"]) == 0
    out = capsys.readouterr().out
    for text in ("SRC", "[DST]", "--to [upper|lower]", "--from", "--map", "--json FILE"):
        assert text in out


def test_a_reader_that_leaves_early_is_no_error():
    code = "import sys; from maskloom.faces.cli import main; sys.exit(main(['--help']))"
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert run.stderr == b""
    assert run.returncode == 141


def test_an_option_of_one_value_is_given_once(capsys):
    assert main(["copy", "a", "--to", "upper", "--to=lower"]) == 2
    assert "--to: the option takes one value, once. Give it once." in capsys.readouterr().err
    assert main(["copy", "a", "--to", "lower", "--map", "A=B", "--map", "C=D"]) == 0
    assert main(["copy", "--to", "lower", "--", "--to"]) == 0  # a file of that name
