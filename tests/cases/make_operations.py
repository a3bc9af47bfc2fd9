"""The content of operations.json: documents, operations on them, and what becomes of both."""

from __future__ import annotations

import copy
from typing import Any

from tiles_by_hand import Pixel, cut, fill, rectangle

from maskloom.edits.document import Document, apply
from maskloom.edits.operations import inverse, parse, to_json
from maskloom.errors import MaskloomError

SIZE = [300, 280]
SQUARE = [64, 64, 1280, 64, 1280, 1280, 64, 1280]
WEDGE = [64, 64, 1280, 64, 64, 1280]


def item(uid: str, pixels: set[Pixel], **fields: Any) -> dict[str, Any]:
    """An object as pages load it, but for box and area."""
    blank = {
        "id": uid, "category": "car", "z": 0, "kind": "mask", "crowd": False, "score": None,
        "geometry": None, "attributes": {}, "origin": None, "row": None, "tiles": cut(pixels),
    }  # fmt: skip
    return {**blank, **fields}


def polygon(ring: list[int]) -> dict[str, Any]:
    return {"rule": "grid", "rings": [ring]}


def documents() -> dict[str, Any]:
    rows = [
        item("5-0", rectangle(10, 10, 40, 60), row=0, z=2, score=0.5),
        item(
            "5-1",
            rectangle(200, 200, 280, 300),
            row=1,
            category="road",
            attributes={"wet": True, "n": 1},
        ),
        item("p", fill([SQUARE], *SIZE), geometry=polygon(SQUARE)),
    ]
    gone = item("gone", rectangle(0, 0, 5, 5), category="sky", origin="model/unet@ab12 17")
    classes = {"sky": rectangle(0, 0, 280, 100), "road": rectangle(0, 100, 280, 270), "void": set()}
    return {
        "rows": {"revision": 7, "form": "rows", "size": SIZE, "objects": rows, "deleted": [gone],
                 "fields": {"state": "doing", "verdict/a1": "kept"}, "created": ["p", "gone"]},
        "map": {"revision": 0, "form": "map", "size": SIZE, "deleted": [], "fields": {},
                "objects": [item(key, own, category=key) for key, own in classes.items()],
                "created": []},
        "empty": {"revision": 0, "form": "rows", "size": SIZE, "objects": [], "deleted": [], "fields": {},
                  "created": []},
    }  # fmt: skip


def change(uid: str, pixels: set[Pixel] | None = None, **fields: Any) -> dict[str, Any]:
    """`cls` stands for the field category, so that calls stay short."""
    out: dict[str, Any] = {"object": uid}
    if fields:
        out["set"] = {"category" if k == "cls" else k: list(v) for k, v in fields.items()}
    if pixels:
        out["tiles"] = cut(pixels)
    return out


def accepted() -> list[tuple[str, str, list[dict[str, Any]]]]:
    """(name, document, changes) of operations that fit."""
    seam = rectangle(250, 250, 262, 262)
    wide = {"rule": "grid", "rings": [WEDGE]}
    turned = fill([SQUARE], *SIZE) ^ fill([WEDGE], *SIZE)
    return [
        ("a stroke over four tiles", "rows", [change("5-0", seam)]),
        ("a stroke that takes pixels away", "rows", [change("5-1", seam)]),
        ("the last pixels of an object", "rows", [change("5-0", rectangle(10, 10, 40, 60))]),
        ("a new object", "rows", [change("n1", seam, exists=[False, True], cls=[None, "car"], z=[0, 3])]),
        ("a new object without a pixel", "empty", [change("n1", exists=[False, True], cls=[None, "sky"])]),
        ("a new polygon", "empty", [change("n2", fill([WEDGE], *SIZE), exists=[False, True],
                                           cls=[None, "car"], geometry=[None, wide])]),
        ("a polygon moved", "rows", [change("p", turned, geometry=[polygon(SQUARE), wide])]),
        ("a polygon painted", "rows", [change("p", seam, geometry=[polygon(SQUARE), None])]),
        ("a polygon kept as pixels", "rows", [change("p", geometry=[polygon(SQUARE), None])]),
        ("pixels that are a polygon", "empty", [change("n", fill([WEDGE], *SIZE), exists=[False, True],
                                                       cls=[None, "car"], geometry=[None, wide])]),
        ("a deletion", "rows", [change("5-0", exists=[True, False])]),
        ("a deletion that leaves nothing", "rows", [
            change("p", fill([SQUARE], *SIZE), exists=[True, False], cls=["car", None],
                   geometry=[polygon(SQUARE), None])]),
        ("a row that leaves nothing is still there to come back", "rows", [
            change("5-0", rectangle(10, 10, 40, 60), exists=[True, False], cls=["car", None], z=[2, 0])]),
        ("a deletion taken back", "rows", [change("gone", exists=[False, True])]),
        ("a deletion taken back, repainted", "rows", [change("gone", seam, exists=[False, True], cls=["sky", "car"])]),
        ("class, depth, attributes, origin", "rows", [
            change("5-1", cls=["road", "car"], z=[0, -4], origin=[None, "model/x@1 3"],
                   attributes=[{"n": 1, "wet": True}, {"n": 2.5, "text": "ä\u2028\"", "list": [None, {}]}])]),
        ("no overlap: the neighbours lose what one gets", "rows", [
            change("5-0", rectangle(230, 230, 250, 240)), change("5-1", rectangle(230, 230, 250, 240))]),
        ("done", "rows", [change("", state=["doing", "done"])]),
        ("back to the default state", "rows", [change("", state=["doing", "todo"])]),
        ("verdicts", "rows", [change("", **{"verdict/a1": ["kept", None], "verdict/b-2": [None, "fixed"]})]),
        ("everything at once", "rows", [
            change("5-0", seam, z=[2, 5]), change("", state=["doing", "done"]),
            change("new.1", seam, exists=[False, True], cls=[None, "sky"]), change("gone", exists=[False, True])]),
        ("an old value that stays", "rows", [change("5-0", seam, geometry=[None, None])]),
        ("a class over another", "map", [change("sky", seam), change("road", seam)]),
        ("a class over nothing", "map", [change("sky", rectangle(0, 270, 280, 300))]),
        ("a class to nothing", "map", [change("road", rectangle(0, 100, 280, 270))]),
        ("void", "map", [change("void", seam), change("road", seam)]),
    ]  # fmt: skip


def refused() -> list[tuple[str, str, list[dict[str, Any]], str]]:
    """(name, document, changes, error) of operations that do not fit."""
    dot = {(3, 3)}
    return [
        ("another z now", "rows", [change("5-0", z=[1, 5])], "Conflict"),
        ("another class now", "rows", [change("5-0", cls=["road", "sky"])], "Conflict"),
        ("true is not 1", "rows", [change("5-1", attributes=[{"n": True, "wet": True}, {}])], "Conflict"),
        ("another state now", "rows", [change("", state=["todo", "done"])], "Conflict"),
        ("a verdict is there", "rows", [change("", **{"verdict/a1": [None, "void"]})], "Conflict"),
        ("an object that never was", "rows", [change("x", dot)], "Conflict"),
        ("a field of an object that never was", "rows", [change("x", cls=[None, "car"])], "Conflict"),
        ("a deleted object painted", "rows", [change("gone", dot)], "Conflict"),
        ("created twice", "rows", [change("5-0", exists=[False, True])], "Conflict"),
        ("deleted twice", "rows", [change("gone", exists=[True, False])], "Conflict"),
        ("exists neither before nor after", "rows", [change("x", exists=[False, False])], "Conflict"),
        ("another polygon now", "rows", [change("p", geometry=[polygon(WEDGE), None])], "Conflict"),
        ("the second change does not fit", "rows", [change("5-0", dot), change("5-1", z=[1, 2])], "Conflict"),
        ("a polygon painted, its vertices kept", "rows", [change("p", dot)], "DataError"),
        ("a polygon that is not its pixels", "rows", [change("p", geometry=[polygon(SQUARE), polygon(WEDGE)])], "DataError"),
        ("vertices for other pixels", "rows", [change("5-0", geometry=[None, polygon(WEDGE)])], "DataError"),
        ("no class", "rows", [change("5-0", cls=["car", None])], "DataError"),
        ("a new object without a class", "rows", [change("n", dot, exists=[False, True])], "DataError"),
        ("a new object named like a row", "rows", [change("9-1", dot, exists=[False, True], cls=[None, "car"])], "DataError"),
        ("a class that is not there", "map", [change("tree", dot)], "Conflict"),
        ("a pixel in two classes", "map", [change("road", dot)], "DataError"),
        ("a field of a class", "map", [change("road", z=[0, 1])], "DataError"),
        ("a class cannot go", "map", [change("road", exists=[True, False])], "DataError"),
    ]  # fmt: skip


def pairs() -> list[tuple[str, str, dict[str, Any], dict[str, Any], bool]]:
    """(name, form, change, change, whether they touch the same thing)."""
    dot, far = {(3, 3)}, {(260, 3)}
    shape = {"geometry": [None, polygon(WEDGE)]}
    return [
        ("two objects", "rows", change("a", dot), change("b", dot), False),
        ("two tiles", "rows", change("a", dot), change("a", far), False),
        ("one tile", "rows", change("a", dot), change("a", {(9, 9)}), True),
        ("a field and a tile", "rows", change("a", dot), change("a", z=[0, 1]), False),
        ("two fields", "rows", change("a", cls=["x", "y"]), change("a", z=[0, 1]), False),
        ("one field", "rows", change("a", z=[0, 2]), change("a", z=[0, 1]), True),
        ("deleted and painted", "rows", change("a", exists=[True, False]), change("a", dot), True),
        ("deleted and renamed", "rows", change("a", cls=["x", "y"]), change("a", exists=[True, False]), True),
        ("deleted beside", "rows", change("a", exists=[True, False]), change("b", dot), False),
        ("a polygon and a far tile", "rows", change("a", far), change("a", dot, **shape), True),
        ("a polygon and a field", "rows", change("a", z=[0, 1]), change("a", dot, **shape), False),
        ("two polygons", "rows", change("a", **shape), change("a", **shape), True),
        ("state and a stroke", "rows", change("", state=["todo", "done"]), change("a", dot), False),
        ("state and state", "rows", change("", state=["todo", "done"]), change("", state=["todo", "doing"]), True),
        ("two verdicts", "rows", change("", **{"verdict/1": [None, "kept"]}), change("", **{"verdict/2": [None, "kept"]}), False),
        ("a verdict named like a tile", "map", change("", **{"verdict/0,0": [None, "kept"]}), change("a", dot), False),
        ("two classes, one tile", "map", change("a", dot), change("b", {(9, 9)}), True),
        ("two classes, two tiles", "map", change("a", dot), change("b", far), False),
        ("an object of no name but the document's", "map", change("", state=["todo", "done"]), change("b", far), False),
    ]  # fmt: skip


def operation(changes: list[dict[str, Any]], base: int = 7) -> dict[str, Any]:
    return {"v": 1, "id": "0123456789abcdef" * 2, "layer": "main", "base": base, "kind": "brush",
            "changes": changes}  # fmt: skip


def load(data: dict[str, Any]) -> Document:
    start = Document((data["size"][0], data["size"][1]), data["form"])
    return Document.from_json(copy.deepcopy(data), start)


def told(document: Document) -> dict[str, Any]:
    """The JSON of a document, but for what is computed from the rest."""
    out = document.to_json()
    for one in (*out["objects"], *out["deleted"]):
        del one["box"], one["area"]
    return out


def operation_cases() -> dict[str, Any]:
    known = documents()
    fits = []
    for name, on, changes in accepted():
        op = parse(operation(changes), SIZE)
        after = apply(load(known[on]), op)
        back = inverse(op, "f" * 32)
        if apply(after, back) != load(known[on]):
            raise SystemExit(f"{name}: the inverse does not restore the document")
        fits.append({"name": name, "document": on, "op": to_json(op), "after": told(after),
                     "inverse": to_json(back)})  # fmt: skip
    fails = []
    for name, on, changes, error in refused():
        op = parse(operation(changes), SIZE)
        try:
            apply(load(known[on]), op)
        except MaskloomError as seen:
            if type(seen).__name__ != error:
                raise SystemExit(f"{name}: {type(seen).__name__}, not {error}") from None
        else:
            raise SystemExit(f"{name}: not refused")
        fails.append({"name": name, "document": on, "op": to_json(op), "error": error})
    return {
        "documents": known,
        "accepted": fits,
        "refused": fails,
        "meet": [
            {"name": name, "form": form, "a": operation([a]), "b": operation([b]), "meet": meet}
            for name, form, a, b, meet in pairs()
        ],
    }
