"""The shared cases: Python's answers, and that the files are what their script writes."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode, b64encode

import numpy as np
import pytest

from maskloom.core.masks import Masks
from maskloom.edits.document import Document, apply
from maskloom.edits.operations import inverse, meet, parse, to_bytes, to_json, touched
from maskloom.edits.tiles import (
    check_tile,
    decode_tile,
    encode_tile,
    mask_to_tiles,
    tiles_to_masks,
    xor_tile,
)
from maskloom.errors import DataError, MaskloomError


@pytest.fixture(scope="module")
def cases(checkout):
    """The content of a file of cases, by name."""
    folder = checkout / "tests/cases"
    return {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("tiles", "fill", "operations")
    }


def test_the_files_are_what_their_script_writes(checkout):
    script = checkout / "tests/cases/make_cases.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_tiles_code_and_decode(cases):
    for case in cases["tiles"]["tiles"]:
        runs = b64decode(case["runs"])
        pixels = decode_tile(runs)
        assert (int(pixels.sum()), encode_tile(pixels)) == (case["area"], runs), case["name"]
        if case["toggles"]:
            line = np.concatenate(([False], pixels.T.ravel()))
            places = np.flatnonzero(line[1:] != line[:-1])
            assert places.tolist() == case["toggles"], case["name"]


def test_garbled_runs_are_refused(cases):
    for case in cases["tiles"]["refused"]:
        with pytest.raises(DataError):
            decode_tile(b64decode(case["runs"]))


def test_pixels_outside_the_frame_are_refused(cases):
    for case in cases["tiles"]["outside"]:
        op = operation([{"object": "a", "tiles": {case["tile"]: case["runs"]}}])
        if case["sound"]:
            assert parse(op, case["size"]).changes[0].tiles, case["name"]
            tx, ty = case["tile"].split(",")
            check_tile((int(tx), int(ty)), b64decode(case["runs"]), case["size"])
        else:
            with pytest.raises(DataError, match=r"changes\[0\]\.tiles"):
                parse(op, case["size"])


def test_base64_has_one_form(cases):
    for text in cases["tiles"]["base64"]:
        with pytest.raises(DataError, match="base64"):
            parse(operation([{"object": "a", "tiles": {"0,0": text}}]), [300, 280])


def test_tiles_xor(cases):
    for case in cases["tiles"]["xor"]:
        assert (
            b64encode(xor_tile(b64decode(case["a"]), b64decode(case["b"]))).decode() == case["xor"]
        )


def test_polygons_fill(cases):
    for case in cases["fill"]["cases"]:
        rings = [np.array(ring).reshape(-1, 2) / 64 for ring in case["rings"]]
        mask = Masks.from_polygons([rings], case["size"], rule="grid")
        assert int(mask.areas[0]) == case["area"], case["name"]
        tiles = mask_to_tiles(mask)
        wanted = {key: b64decode(text) for key, text in case["tiles"].items()}
        assert {f"{tx},{ty}": runs for (tx, ty), runs in tiles.items()} == wanted, case["name"]
        assert tiles_to_masks([tiles], case["size"]) == mask, case["name"]


def operation(changes):
    return {"v": 1, "id": "a" * 32, "layer": "main", "base": 0, "kind": "brush", "changes": changes}


def loaded(cases, name):
    data = cases["operations"]["documents"][name]
    return Document.from_json(data, Document(tuple(data["size"]), data["form"]))


def told(document):
    out = document.to_json()
    for one in (*out["objects"], *out["deleted"]):
        del one["box"], one["area"]
    for part in ("objects", "deleted"):
        out[part].sort(key=lambda one: one["id"])
    return out


def test_operations_that_fit_are_applied_and_taken_back(cases):
    for case in cases["operations"]["accepted"]:
        before = loaded(cases, case["document"])
        op = parse(json.dumps(case["op"]), before.size_hw)
        assert to_json(op) == case["op"], case["name"]
        assert parse(to_bytes(op), before.size_hw) == op, case["name"]
        after = apply(before, op)
        wanted = {**case["after"]}
        for part in ("objects", "deleted"):
            wanted[part] = sorted(wanted[part], key=lambda one: one["id"])
        assert told(after) == wanted, case["name"]
        assert apply(after, inverse(op, "b" * 32)) == before, case["name"]
        assert [to_json(inverse(op, "f" * 32))] == [case["inverse"]], case["name"]


def test_operations_that_do_not_fit_are_refused(cases):
    for case in cases["operations"]["refused"]:
        before = loaded(cases, case["document"])
        with pytest.raises(MaskloomError) as caught:
            apply(before, parse(case["op"], before.size_hw))
        assert type(caught.value).__name__ == case["error"], case["name"]
        assert before == loaded(cases, case["document"]), case["name"]


def test_what_touches_the_same_thing_meets(cases):
    for case in cases["operations"]["meet"]:
        a, b = (touched(parse(case[name], [300, 280]), case["form"]) for name in "ab")
        assert (meet(a, b), meet(b, a)) == (case["meet"],) * 2, case["name"]
