"""Categories: keys, names, ids of files, void, JSON and matching."""

from __future__ import annotations

import pytest

from maskloom.core.category_names import unique_keys
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import TaxonomyError, UsageError


def test_json_round_trip_gives_an_equal_taxonomy_and_hash() -> None:
    taxonomy = Taxonomy(
        (
            Category("car", "Car", color=(1, 2, 3), aliases=("auto",), ids=(("", 7), ("coco", 3))),
            Category("wheel", "Wheel", whole="car"),
            Category("void", "void", "stuff", void=True),
        ),
        revision=4,
    )
    again = Taxonomy.from_json(taxonomy.to_json())
    assert again == taxonomy
    assert again.hash == taxonomy.hash


def test_the_hash_changes_with_any_name_and_with_the_order() -> None:
    names = ["a", "b", "c"]
    hashes = {Taxonomy.from_names(n).hash for n in (names, names[::-1], ["a", "b", "d"])}
    assert len(hashes) == 3


def test_the_file_of_the_command_line_names_ids_and_void() -> None:
    taxonomy = Taxonomy.from_json({"categories": [{"id": 4, "name": "sky"}], "void": 11})
    assert taxonomy.keys == ("sky", "void")
    assert taxonomy.ids("bitmap") == {4: 0, 11: 1}
    assert taxonomy.scored == (0,)


def test_void_may_be_a_listed_category() -> None:
    taxonomy = Taxonomy.from_json(
        {"categories": [{"id": 0, "name": "sky"}, {"id": 1, "name": "other"}], "void": [1]}
    )
    assert [c.void for c in taxonomy] == [False, True]


def test_names_match_by_key_then_name_then_alias_whatever_the_case() -> None:
    taxonomy = Taxonomy(
        (Category("road", "Street way", aliases=("Fahrbahn",)), Category("x", "Road "))
    )
    assert taxonomy.find("road") == 0
    assert taxonomy.find("street_WAY") == 0
    assert taxonomy.find("fahrbahn") == 0
    assert taxonomy.find("nothing") is None


def test_matching_another_taxonomy_uses_renames_first() -> None:
    ours, theirs = (
        Taxonomy.from_names(["cat", "dog"]),
        Taxonomy.from_names(["Dog", "hound", "bird"]),
    )
    assert ours.match(theirs) == [1, None, None]
    assert ours.match(theirs, {"hound": "dog", "bird": "cat"}) == [1, 1, 0]


def test_keys_are_unique_and_plain() -> None:
    assert unique_keys(["Big Car", "big car", "Ü!", ""]) == [
        "big-car",
        "big-car-2",
        "class",
        "class-2",
    ]


@pytest.mark.parametrize(
    "data",
    [
        [], {}, {"categories": {}}, {"categories": [{"id": 1}]}, {"categories": [3]},
        {"categories": [{"name": "a", "id": "x"}]}, {"categories": [{"name": "a", "id": True}]},
        {"categories": [{"name": "a", "color": [1, 2]}]}, {"categories": [{"name": "a", "color": [1, 2, 300]}]},
        {"categories": [{"name": "a"}, {"name": "a"}]}, {"categories": [{"name": "a", "kind": "any"}]},
        {"categories": [{"name": "a"}], "void": "b"}, {"categories": [{"name": "a", "parent": "z"}]},
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_clear_error(data: object) -> None:
    with pytest.raises(TaxonomyError):
        Taxonomy.from_json(data)


def test_two_categories_with_one_file_id_are_refused_when_asked_for() -> None:
    taxonomy = Taxonomy((Category("a", "a", ids=(("", 1),)), Category("b", "b", ids=(("", 1),))))
    with pytest.raises(TaxonomyError, match="share the id 1"):
        taxonomy.ids("coco")


def test_colors_are_given_or_distinct() -> None:
    taxonomy = Taxonomy.from_names([f"c{i}" for i in range(24)])
    assert len(set(taxonomy.colors())) == 24


def test_a_numbered_key_never_meets_one_that_is_written_so() -> None:
    assert unique_keys(["a", "a", "a-2", "a"]) == ["a", "a-2", "a-2-2", "a-3"]


def test_a_rename_goes_by_name_key_or_alias_and_must_name_a_category() -> None:
    here = Taxonomy.from_names(["vehicle", "road"])
    there = Taxonomy((Category("c", "Big Car", aliases=("auto",)), Category("road", "road")))
    for old in ("c", "big_car", "auto"):
        assert here.match(there, {old: "vehicle"}) == [0, 1]
    with pytest.raises(UsageError, match=r"no such category \(saw 'bigcar'\)"):
        here.match(there, {"bigcar": "vehicle"})
    with pytest.raises(UsageError, match="renamed twice"):
        here.match(there, {"c": "vehicle", "auto": "road"})


def test_names_are_told_apart_exactly_and_found_loosely_where_that_is_clear() -> None:
    both = Taxonomy.from_names(["Car", "car", "traffic_light"])
    assert both.keys == ("car", "car-2", "traffic_light")
    assert [both.find(name) for name in ("Car", "car", "car-2", "CAR")] == [0, 1, 1, None]
    assert both.find("Traffic light") == 2
    assert Taxonomy.from_json(both.to_json()) == both
    with pytest.raises(TaxonomyError, match="share a name"):
        Taxonomy.from_names(["car", "car"])


def test_a_name_wins_over_a_key_and_an_alias_over_loose_spelling() -> None:
    taxonomy = Taxonomy(
        (
            Category("class", "人"),
            Category("class-2", "车"),
            Category("x", "class-2"),
            Category("v", "Vehicle", aliases=("bus",)),
            Category("bus-2", "BUS"),
        )
    )
    assert taxonomy.find("class-2") == 2
    assert taxonomy.find("class 2") == 2
    assert taxonomy.find("bus") == 3
    assert taxonomy.find("Bus") == 4


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (["Car", "car"], ["car", "Car"], [1, 0]),
        (["Car"], ["car", "Car"], [None, 0]),
        (["Car"], ["car", "CAR"], [None, None]),
        (["Car"], ["CAR"], [0]),
        (["Car", "car"], ["CAR"], [None]),
        (["人", "车"], ["车", "人", "猫"], [1, 0, None]),
        (["C++"], ["C", "C#"], [None, None]),
    ],
)
def test_exact_names_pair_first_and_nothing_pairs_twice(
    ours: list[str], theirs: list[str], expected: list[int | None]
) -> None:
    assert Taxonomy.from_names(ours).match(Taxonomy.from_names(theirs)) == expected


def test_a_renamed_category_is_known_by_its_key() -> None:
    project = Taxonomy((Category("car", "Automobile"), Category("car-2", "car")))
    assert project.match(Taxonomy.from_names(["car"])) == [0]
    assert project.match(Taxonomy.from_names(["car", "Automobile"])) == [1, 0]
    assert project.match(project) == [0, 1]


def test_invented_keys_leave_room_for_those_that_a_file_gives() -> None:
    data = {"categories": [{"name": "A"}, {"name": "b", "key": "a"}, {"name": "a"}]}
    assert Taxonomy.from_json(data).keys == ("a-2", "a", "a-3")


def test_a_key_that_was_invented_tells_less_than_any_spelling_of_a_name() -> None:
    taxonomy = Taxonomy.from_names(["Car", "CAR", "traffic_light", "traffic light", "人"])
    assert taxonomy.keys == ("car", "car-2", "traffic_light", "traffic-light", "class")
    assert taxonomy.find("car") is None
    assert taxonomy.find("traffic-light") is None
    assert (taxonomy.find("CAR"), taxonomy.find("car-2"), taxonomy.find("class")) == (1, 1, 4)
    with pytest.raises(UsageError, match="may mean several"):
        taxonomy.renamed_positions({"car": "x"})
