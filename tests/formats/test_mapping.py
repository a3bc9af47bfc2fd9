from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maskloom.core.labels import BACKGROUND, VOID, Labels
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import TaxonomyError, UsageError
from maskloom.formats.mapping import adopt_taxonomy, parse_renames
from maskloom.formats.rename import renamed

from .conftest import dataset_of

STREET = Taxonomy(
    (Category("road", "road"), Category("void", "Void", void=True), Category("car", "car"))
)


def street():
    pixels = np.array([[0, 2], [VOID, BACKGROUND]], np.uint8)
    return dataset_of(STREET, {"a": Labels((2, 2), class_map=pixels)})


def pixels_of(data):
    return data.labels_of(data.samples[0]).class_map.tolist()


def test_pairs_are_cut_at_the_first_equals_sign_and_lose_their_spaces():
    assert parse_renames([" a = b ", "c=d=e"]) == {"a": "b", "c": "d=e"}


@pytest.mark.parametrize("pair", ["a", "=b", "a=", " =b", "a= ", "="])
def test_half_a_pair_is_refused(pair):
    with pytest.raises(UsageError, match="not OLD=NEW"):
        parse_renames([pair])
    with pytest.raises(UsageError, match="not OLD=NEW"):
        renamed(street(), [pair])


def test_a_category_is_renamed_once():
    with pytest.raises(UsageError, match="twice"):
        parse_renames(["a=b", "a =c"])
    with pytest.raises(UsageError, match="twice"):
        renamed(street(), ["car=a", "CAR=b"])


@pytest.mark.parametrize(
    "pairs", [["Void=road"], ["Void=other", "car=other"], ["car=other", "Void=other"]]
)
def test_void_does_not_become_a_class(pairs):
    with pytest.raises(UsageError, match="void and other categories"):
        renamed(street(), pairs)


def test_a_class_may_become_void():
    assert pixels_of(renamed(street(), ["car=Void"])) == [[0, VOID], [VOID, BACKGROUND]]


def test_an_adopted_void_category_is_void_in_the_map():
    target = Taxonomy((Category("car", "car", void=True), Category("road", "road")))
    assert pixels_of(adopt_taxonomy(street(), target)) == [[1, VOID], [VOID, BACKGROUND]]


def test_adopting_refuses_a_rename_of_what_is_not_there():
    target = Taxonomy.from_names(["road", "vehicle"])
    assert pixels_of(adopt_taxonomy(street(), target, ["car=vehicle"]))[0] == [0, 1]
    with pytest.raises(UsageError, match=r"no such category \(saw 'cra'\)"):
        adopt_taxonomy(street(), target, ["cra=vehicle"])
    with pytest.raises(TaxonomyError, match="without a counterpart"):
        adopt_taxonomy(street(), target, strict=True)


def named(*names):
    pixels = np.arange(len(names), dtype=np.uint8)[None]
    return dataset_of(Taxonomy.from_names(names), {"a": Labels((1, len(names)), class_map=pixels)})


@pytest.mark.parametrize(
    ("names", "pairs", "expected", "pixels"),
    [
        ("ab", ["a=b", "b=a"], ["b", "a"], [0, 1]),
        ("abc", ["a=b", "b=c", "c=a"], ["b", "c", "a"], [0, 1, 2]),
        ("abc", ["a=b", "b=c"], ["b", "c"], [0, 1, 1]),
        ("abc", ["a=c", "b=c"], ["c"], [0, 0, 0]),
        (("Car", "car"), ["Car=car", "car=Car"], ["car", "Car"], [0, 1]),
        (("Car", "car"), ["Car=car"], ["car"], [0, 0]),
        (("a", "b"), ["a=人", "b=车"], ["人", "车"], [0, 1]),
        (("人", "车", "x"), ["x=class-3"], ["人", "车", "class-3"], [0, 1, 2]),
    ],
)  # fmt: skip
def test_all_renames_happen_at_once(names, pairs, expected, pixels):
    made = renamed(named(*names), pairs)
    assert [c.name for c in made.taxonomy] == expected
    assert len(set(made.taxonomy.keys)) == len(expected)
    assert pixels_of(made) == [pixels]


def test_a_name_that_may_mean_several_is_refused():
    with pytest.raises(UsageError, match=r"may mean several.*'Car' or 'car'"):
        renamed(named("Car", "car", "x"), ["CAR=x"])
    with pytest.raises(UsageError, match="may mean several"):
        renamed(named("Car", "car", "x"), ["x=CAR"])
    with pytest.raises(UsageError, match="may mean several"):
        Taxonomy.from_names(["Car", "car"]).match(Taxonomy.from_names(["x"]), {"x": "CAR"})


def test_what_coco_says_of_a_category_goes_along_when_it_is_renamed():
    said = {"road": {"supercategory": "ground"}, "car": {"supercategory": "vehicle"}}
    data = replace(street(), extra={"coco": {"categories": said, "heads": {}}})
    moved = renamed(data, ["car=Lorry"])
    assert moved.extra["coco"] == {
        "categories": {"road": said["road"], "lorry": said["car"]},
        "heads": {},
    }
    merged = renamed(data, ["road=car"]).extra["coco"]["categories"]
    assert merged == {"car": said["car"]}
