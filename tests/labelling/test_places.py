from __future__ import annotations

from maskloom.edits.operations import Change, Operation
from maskloom.labelling.places import item_place, link, operation_box, sample_place


def operation(*changes):
    return Operation("0" * 32, "main", 0, "brush", changes)


def test_an_address_holds_the_token_in_the_part_that_is_never_sent():
    assert link("http://127.0.0.1:8471", "a-b_c") == "http://127.0.0.1:8471/#token=a-b_c"


def test_names_in_addresses_are_escaped():
    assert sample_place(17) == "#/s/17"
    assert (
        sample_place(17, layer="by/ann", over="model/u net@ab12&x")
        == "#/s/17?layer=by%2Fann&over=model%2Fu+net%40ab12%26x"
    )
    assert item_place(3, "a/b?c") == "#/review/3/a%2Fb%3Fc"


def test_the_box_of_a_change_is_that_of_its_tiles_and_polygons():
    ring = [64 * 10, 64 * 20, 64 * 30 + 1, 64 * 20, 64 * 30, 64 * 40 - 1]
    drawn = Change("a", {"geometry": (None, {"rule": "grid", "rings": [ring]})})
    assert operation_box(operation(drawn)) == (10, 20, 31, 40)
    painted = Change("b", {}, {(2, 1): b"", (3, 1): b""})
    assert operation_box(operation(painted)) == (512, 256, 1024, 512)
    assert operation_box(operation(drawn, painted)) == (10, 20, 1024, 512)


def test_a_change_of_words_has_no_box():
    assert operation_box(operation(Change("", {"state": ("todo", "done")}))) is None
    assert operation_box(operation(Change("a", {"geometry": (None, None)}))) is None
