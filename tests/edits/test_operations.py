"""Operations from outside: what is read, what is refused and how it is named, at bounded cost."""

from __future__ import annotations

import base64
import json
import math
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.edits.operations import (
    Change,
    Operation,
    commutes,
    inverse,
    new_id,
    new_uid,
    parse,
    to_bytes,
    to_json,
)
from maskloom.errors import DataError, MaskloomError

SIZE = (300, 280)
RUNS = base64.b64encode(b"\x00\x01\xff\xff\x03").decode()
DOT = {"0,0": RUNS}


def operation(*changes, **parts):
    listed = list(changes) or [{"object": "a", "set": {"z": [0, 1]}}]
    whole = {"v": 1, "id": "a" * 32, "layer": "main", "base": 0, "kind": "brush", "changes": listed}
    return {**whole, **parts}


def changed(**parts):
    return operation({"object": "a", "set": {"z": [0, 1]}, **parts})


def ring(*numbers):
    return changed(set={"geometry": [None, {"rule": "grid", "rings": [list(numbers)]}]})


def without(name):
    return {key: value for key, value in operation().items() if key != name}


def nested(depth):
    out = []
    for _ in range(depth):
        out = [out]
    return out


HOSTILE = [
    # the envelope
    ("not JSON", b"{", "operation"),
    ("not UTF-8", b'{"v":"\xff"}', "operation"),
    ("NaN", b'{"v":NaN}', "operation"),
    ("infinity", b'{"v":-Infinity}', "operation"),
    ("a key twice", b'{"v":1,"v":1}', "operation"),
    ("a list", b"[]", "operation"),
    ("null", b"null", "operation"),
    ("nothing", b"", "operation"),
    ("a number of 5000 digits", b'{"v":' + b"9" * 5000 + b"}", "operation"),
    ("brackets without end", b"[" * 200_000, "operation"),
    ("5 MiB", b" " * (5 * 2**20), "operation"),
    ("no id", without("id"), "operation"),
    ("an unknown key", operation(author="eve"), "operation"),
    ("a key that is no text", {**operation(), 1: 2}, "operation"),
    ("version 2", operation(v=2), "v"),
    ("version true", operation(v=True), "v"),
    ("version 1.0", operation(v=1.0), "v"),
    ("a short id", operation(id="a" * 31), "id"),
    ("capitals in the id", operation(id="A" * 32), "id"),
    ("an id with a line end", operation(id="a" * 32 + "\n"), "id"),
    ("an id that is a number", operation(id=7), "id"),
    ("no layer name", operation(layer=""), "layer"),
    ("control characters in the layer", operation(layer="a\x00b"), "layer"),
    ("half a surrogate pair", operation(layer="\ud800"), "layer"),
    ("a long layer", operation(layer="a" * 201), "layer"),
    ("a layer that is a list", operation(layer=["main"]), "layer"),
    ("a negative base", operation(base=-1), "base"),
    ("base true", operation(base=True), "base"),
    ("base NaN", operation(base=math.nan), "base"),
    ("a huge base", operation(base=10**6000), "base"),
    ("capitals in the kind", operation(kind="Brush"), "kind"),
    ("a long kind", operation(kind="a" * 25), "kind"),
    ("no changes", operation(changes=[]), "changes"),
    ("changes that are an object", operation(changes={}), "changes"),
    ("too many changes", operation(changes=[{}] * 20_001), "changes"),
    # one change
    ("a change that is null", operation(None), "changes[0]"),
    ("a change of nothing", operation({"object": "a"}), "changes[0]"),
    ("a change of no object", operation({"set": {"z": [0, 1]}}), "changes[0]"),
    ("an unknown part", changed(score=1), "changes[0]"),
    ("one object twice", operation(*[{"object": "a", "set": {"z": [0, 1]}}] * 2), "changes[1].object"),
    ("a uid with a slash", operation({"object": "../a", "tiles": DOT}), "changes[0].object"),
    ("a uid with markup", operation({"object": "<b>", "tiles": DOT}), "changes[0].object"),
    ("a long uid", operation({"object": "a" * 65, "tiles": DOT}), "changes[0].object"),
    ("a uid that is a number", operation({"object": 3, "tiles": DOT}), "changes[0].object"),
    ("the document painted", operation({"object": "", "tiles": DOT}), "changes[0].tiles"),
    ("an unknown field", changed(set={"score": [0, 1]}), "changes[0].set.score"),
    ("a field named by markup", changed(set={"<script>\u202e": [0, 1]}), "changes[0].set.<script>"),
    ("a pair of three", changed(set={"z": [0, 1, 2]}), "changes[0].set.z"),
    ("no pair", changed(set={"z": 1}), "changes[0].set.z"),
    ("set that is a list", changed(set=[1]), "changes[0].set"),
    ("exists 1", changed(set={"exists": [0, 1]}), "changes[0].set.exists"),
    ("z 1.5", changed(set={"z": [0, 1.5]}), "changes[0].set.z"),
    ("z beyond 32 bits", changed(set={"z": [0, 2**31]}), "changes[0].set.z"),
    ("z NaN", changed(set={"z": [0, math.nan]}), "changes[0].set.z"),
    ("a category that is a list", changed(set={"category": [None, ["car"]]}), "changes[0].set.category"),
    ("no category name", changed(set={"category": [None, ""]}), "changes[0].set.category"),
    ("a long origin", changed(set={"origin": [None, "x" * 201]}), "changes[0].set.origin"),
    ("attributes that are null", changed(set={"attributes": [{}, None]}), "changes[0].set.attributes"),
    ("an attribute NaN", changed(set={"attributes": [{}, {"a": math.nan}]}), "changes[0].set.attributes"),
    ("an attribute of 54 bits", changed(set={"attributes": [{}, {"a": 2**53}]}), "changes[0].set.attributes"),
    ("an attribute of 20,000 bits", changed(set={"attributes": [{}, {"a": 2**20_000}]}), "changes[0].set.attributes"),
    ("attributes 17 deep", changed(set={"attributes": [{}, {"a": nested(17)}]}), "changes[0].set.attributes"),
    ("attributes 900 deep", changed(set={"attributes": [{}, {"a": nested(900)}]}), "changes[0].set.attributes"),
    ("an attribute of bytes", changed(set={"attributes": [{}, {"a": b"x"}]}), "changes[0].set.attributes"),
    ("an attribute with half a pair", changed(set={"attributes": [{}, {"a": "\udc00"}]}), "changes[0].set.attributes"),
    ("attributes of 5 MiB", changed(set={"attributes": [{}, {"a": "x" * 5 * 2**20}]}), "changes[0].set.attributes"),
    ("an unknown state", operation({"object": "", "set": {"state": ["todo", "ok"]}}), "changes[0].set.state"),
    ("a state that is a list", operation({"object": "", "set": {"state": ["todo", []]}}), "changes[0].set.state"),
    ("an unknown verdict", operation({"object": "", "set": {"verdict/1": [None, "no"]}}), "changes[0].set.verdict/1"),
    ("a verdict of nothing", operation({"object": "", "set": {"verdict/": [None, "kept"]}}), "changes[0].set.verdict/"),
    ("a field of the document", operation({"object": "", "set": {"z": [0, 1]}}), "changes[0].set.z"),
    # polygons
    ("a polygon of two vertices", ring(0, 0, 64, 64), "changes[0].set.geometry"),
    ("an odd number of numbers", ring(0, 0, 64, 64, 0, 64, 3), "changes[0].set.geometry"),
    ("half steps", ring(0, 0, 64, 64.5, 0, 64), "changes[0].set.geometry"),
    ("whole floats", ring(0, 0, 64, 64.0, 0, 64), "changes[0].set.geometry"),
    ("a vertex NaN", ring(0, 0, 64, math.nan, 0, 64), "changes[0].set.geometry"),
    ("a vertex true", ring(0, 0, 64, True, 0, 64), "changes[0].set.geometry"),
    ("a vertex beyond 2**24 px", ring(0, 0, 64, 2**30 + 1, 0, 64), "changes[0].set.geometry"),
    ("a huge vertex", ring(0, 0, 64, 10**400, 0, 64), "changes[0].set.geometry"),
    ("too many vertices", ring(*[0, 0] * 100_001), "changes[0].set.geometry"),
    ("another rule", changed(set={"geometry": [None, {"rule": "coco", "rings": [[0] * 6]}]}), "changes[0].set.geometry"),
    ("no rings", changed(set={"geometry": [None, {"rule": "grid", "rings": []}]}), "changes[0].set.geometry"),
    ("rings of text", changed(set={"geometry": [None, {"rule": "grid", "rings": ["000000"]}]}), "changes[0].set.geometry"),
    # tiles
    ("tiles that are a list", changed(tiles=[RUNS]), "changes[0].tiles"),
    ("a tile outside", changed(tiles={"2,0": RUNS}), "changes[0].tiles.2,0"),
    ("a tile at 10**8", changed(tiles={"100000000,0": RUNS}), "changes[0].tiles.100000000,0"),
    ("a tile with a space", changed(tiles={"0, 0": RUNS}), "changes[0].tiles.0, 0"),
    ("a tile in other digits", changed(tiles={"\u0661,0": RUNS}), "changes[0].tiles"),
    ("runs that are null", changed(tiles={"0,0": None}), "changes[0].tiles.0,0"),
    ("runs that are numbers", changed(tiles={"0,0": [0, 65536]}), "changes[0].tiles.0,0"),
    ("no base64", changed(tiles={"0,0": "?" * 8}), "changes[0].tiles.0,0"),
    ("no ASCII", changed(tiles={"0,0": "ÄÄÄÄ"}), "changes[0].tiles.0,0"),
    ("nothing as runs", changed(tiles={"0,0": ""}), "changes[0].tiles.0,0"),
    ("an empty tile", changed(tiles={"0,0": base64.b64encode(b"\x80\x80\x04").decode()}), "changes[0].tiles.0,0"),
    ("a sum of 65537", changed(tiles={"0,0": base64.b64encode(b"\x00\x01\x80\x80\x04").decode()}), "changes[0].tiles.0,0"),
    ("zeros without end", changed(tiles={"0,0": base64.b64encode(bytes(60_000)).decode()}), "changes[0].tiles.0,0"),
    ("runs of 1 MiB", changed(tiles={"0,0": base64.b64encode(b"\x01" * 2**20).decode()}), "changes[0].tiles.0,0"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "where"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_what_is_wrong_is_refused_by_the_name_of_its_field(source, where):
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            parse(source, SIZE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.where.startswith(where)
    assert len(caught.value.message) < 700
    caught.value.message.encode()
    assert peak < 2**25


def test_the_same_refusals_hold_for_text():
    """Whatever JSON can say is refused as text too; Python's own values never get that far."""
    for name, source, where in HOSTILE:
        if isinstance(source, dict):
            try:
                text = json.dumps(source)
            except (TypeError, ValueError):
                continue
            if 1 in source:
                continue
            with pytest.raises(DataError) as caught:
                parse(text, SIZE)
            assert re.match(rf"operation|{re.escape(where)}", caught.value.where), name


def test_many_tiles_end_at_the_limit_of_bytes():
    size = (2**31 - 1, 2**31 - 1)
    tiles = {f"{k},0": RUNS for k in range(400_000)}
    with pytest.raises(DataError, match="more than 4194304 bytes"):
        parse(changed(tiles=tiles), size)
    many = [
        {"object": f"o{k}", "tiles": {f"{j},{k}": RUNS for j in range(40)}} for k in range(9000)
    ]
    with pytest.raises(DataError, match="more than 4194304 bytes"):
        parse(operation(*many), size)


def test_unknown_categories_are_refused_where_the_known_are_given():
    op = changed(set={"category": ["gone", "car"]})
    assert parse(op, SIZE, {"car"}).changes[0].set == {"category": ("gone", "car")}
    with pytest.raises(DataError, match="no such category") as caught:
        parse(op, SIZE, {"road"})
    assert caught.value.where == "changes[0].set.category"


def test_numbers_that_mean_the_same_are_read_as_the_same():
    text = '{"a":1.0,"b":-0.0,"c":1e3,"d":0.1,"e":1e300}'
    op = json.dumps(changed(set={"attributes": [{}, 0]})).replace("[{}, 0]", f"[{{}},{text}]")
    read = parse(op, SIZE).changes[0].set["attributes"][1]
    assert json.dumps(read) == '{"a": 1, "b": 0, "c": 1000, "d": 0.1, "e": 1e+300}'


def test_bytes_are_canonical():
    op = Operation(
        "b" * 32, "by/Jörg", 3, "brush", (Change("z", {"z": (0, 1), "exists": (True, True)}),)
    )
    wanted = (
        '{"base":3,"changes":[{"object":"z","set":{"exists":[true,true],"z":[0,1]}}],'
        f'"id":"{"b" * 32}","kind":"brush","layer":"by/Jörg","v":1}}'
    )
    assert to_bytes(op) == wanted.encode()
    assert parse(to_bytes(op), SIZE) == op


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(
        [
            "v",
            "id",
            "layer",
            "base",
            "kind",
            "changes",
            "object",
            "set",
            "tiles",
            "z",
            "geometry",
            "attributes",
        ]
    ),
    json_values,
)
def test_any_value_anywhere_is_read_or_refused(name, value):
    if name in operation():
        source = operation(**{name: value})
    elif name in ("object", "set", "tiles"):
        source = changed(**{name: value})
    else:
        source = changed(set={name: [value, value]})
    try:
        op = parse(source, SIZE)
    except DataError as error:
        error.message.encode()
        return
    assert parse(to_bytes(op), SIZE) == op


def test_the_inverse_swaps_old_and_new_and_goes_back():
    op = parse(changed(set={"z": [0, 1], "category": [None, "car"]}, tiles=DOT), SIZE)
    back = inverse(op, "c" * 32)
    assert (back.kind, back.base, back.id) == ("undo", 1, "c" * 32)
    assert to_json(back)["changes"] == [
        {"object": "a", "set": {"z": [1, 0], "category": ["car", None]}, "tiles": DOT}
    ]
    assert inverse(back, op.id, base=0, kind="brush") == op


def test_an_operation_follows_others_that_touch_nothing_of_its_own():
    stroke = parse(changed(set={}, tiles=DOT), SIZE)
    deeper = parse(changed(set={"z": [0, 1]}), SIZE)
    gone = parse(changed(set={"exists": [True, False]}), SIZE)
    assert commutes(stroke, [deeper])
    assert not commutes(stroke, [deeper, gone])


def test_new_names_differ_and_sort_by_time():
    uids = [new_uid() for _ in range(50)]
    assert len(set(uids)) == 50
    assert [u[:13] for u in uids] == sorted(u[:13] for u in uids)
    assert re.fullmatch(r"n[0-9a-f]{22}", uids[0])
    assert re.fullmatch(r"[0-9a-f]{32}", new_id())


def test_a_refusal_is_an_error_of_maskloom_with_exit_2():
    with pytest.raises(MaskloomError) as caught:
        parse(b"{", SIZE)
    assert caught.value.exit_code == 2
