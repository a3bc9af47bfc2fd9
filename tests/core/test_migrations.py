"""Taxonomy migrations: hand cases, then random histories that undo to the byte."""

from __future__ import annotations

import json
import random

import pytest

from maskloom.core.migration_json import migration_from_json, migration_to_json
from maskloom.core.migrations import Migration, complete, inverse, migrate, resolve
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import TaxonomyError

STREET = Taxonomy(
    (
        Category("sky", "Sky", "stuff", (1, 2, 3), ids=(("", 0),)),
        Category("car", "Car", ids=(("", 1),)),
        Category("bus", "Bus", aliases=("coach",), parent="car", ids=(("", 2),)),
        Category("wheel", "Wheel", whole="bus", ids=(("", 3),)),
        Category("void", "Void", "stuff", void=True, ids=(("", 255),)),
    )
)


def text(taxonomy: Taxonomy) -> str:
    return json.dumps(taxonomy.to_json(), sort_keys=True)


def after(*steps: Migration, start: Taxonomy = STREET) -> Taxonomy:
    for step in steps:
        start = migrate(start, step)
    return start


def test_a_rename_changes_the_name_and_nothing_else() -> None:
    renamed = after(Migration("rename", "car", "Vehicle"))
    assert renamed.keys == STREET.keys
    assert renamed[1].name == "Vehicle"
    assert after(Migration("rename", "car", "Vehicle"), Migration("rename", "car", "Car")) == STREET


def test_a_new_category_gets_a_new_key_a_free_id_and_a_colour_of_its_own() -> None:
    grown = after(Migration("add", name="Street Lamp"))
    assert grown[5].key == "street-lamp"
    assert grown[5].ids == (("", 4),)
    assert len(set(grown.colors())) == len(grown)
    twice = migrate(STREET, Migration("add", name="car!"), earlier=(Category("car-2", "x"),))
    assert twice.keys[5] == "car-3"


def test_ids_of_categories_that_are_gone_stay_taken() -> None:
    gone = STREET[3]
    grown = migrate(
        after(Migration("merge", "wheel", into="car")), Migration("add", name="X"), earlier=(gone,)
    )
    assert grown[grown.index("x")].ids == (("", 4),)


def test_a_partial_order_comes_first_and_colours_stay() -> None:
    ordered = after(Migration("reorder", keys=("wheel", "bus")))
    assert ordered.keys == ("wheel", "bus", "sky", "car", "void")
    before = dict(zip(STREET.keys, STREET.colors(), strict=True))
    assert dict(zip(ordered.keys, ordered.colors(), strict=True)) == before


def test_a_merged_category_hands_on_its_names_and_its_parts() -> None:
    merged = after(Migration("merge", "bus", into="car"))
    assert merged.keys == ("sky", "car", "wheel", "void")
    assert merged[1].aliases == ("Bus", "coach")
    assert merged[2].whole == "car"
    assert merged.find("coach") == 1
    into_part = after(Migration("merge", "car", into="bus"))
    assert into_part[1].parent is None


def test_a_split_keeps_the_old_category_for_its_labels_and_retires_it() -> None:
    parted = after(Migration("split", "bus", names=("City bus", "Coach")))
    assert parted.keys == ("sky", "car", "bus", "city-bus", "coach", "wheel", "void")
    assert [c.retired for c in parted] == [False, False, True, False, False, False, False]
    assert [c.ids for c in parted][3:5] == [(("", 4),), (("", 5),)]
    assert parted[3].parent == "car"
    assert inverse(STREET, Migration("split", "bus", names=("A", "B"))) is None


def test_a_used_merge_has_no_inverse_and_an_unused_one_has() -> None:
    merge = Migration("merge", "bus", into="car")
    assert inverse(STREET, merge) is None
    undo = inverse(STREET, merge, used=False)
    assert undo is not None
    assert text(after(merge, undo)) == text(STREET)


def test_retired_is_written_only_where_it_is_true() -> None:
    assert "retired" not in text(STREET)
    retired = after(Migration("retire", "bus"))
    assert Taxonomy.from_json(retired.to_json()) == retired
    assert retired.hash != STREET.hash


@pytest.mark.parametrize(
    ("migration", "message"),
    [
        (Migration("rename", "cat", "Cat"), "no such category"),
        (Migration("rename", "car", "bus"), "share a name"),
        (Migration("rename", "car", "Car"), "changes nothing"),
        (Migration("rename", "car", " "), "not a name"),
        (Migration("rename", "car", "a\nb"), "not a name"),
        (Migration("rename", "car", "x" * 201), "not a name"),
        (Migration("add", "car", "Second car"), "share a key"),
        (Migration("add", "../car", "Second car"), "not a key"),
        (Migration("add", "old", "Anew"), "never reused"),
        (Migration("reorder", keys=("car", "car")), "twice"),
        (Migration("reorder", keys=("cat",)), "no such category"),
        (Migration("reorder", keys=("sky",)), "changes nothing"),
        (Migration("merge", "car", into="car"), "into itself"),
        (Migration("merge", "void", into="car"), "void"),
        (Migration("split", "void", names=("a", "b")), "void"),
        (Migration("split", "car", names=("a",)), "two categories"),
        (Migration("split", "car"), "two categories"),
        (Migration("retire", "cat"), "no such category"),
        (Migration("restore", "car"), "changes nothing"),
        (Migration("unmerge", "cat", into="car"), "not merged"),
        (Migration("remove", "car"), "parent"),
    ],
)
def test_what_cannot_be_is_refused(migration: Migration, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        migrate(STREET, migration, earlier=(Category("old", "Old"),))


def test_merged_keys_are_followed_and_unmerged_ones_no_longer() -> None:
    history = [Migration("merge", "a", into="b"), Migration("merge", "b", into="c")]
    assert resolve(["a", "b", "c", "d"], history) == ["c", "c", "c", "d"]
    history.append(Migration("unmerge", "b", into="c"))
    assert resolve(["a", "b", "c"], history) == ["b", "b", "c"]
    assert resolve(["a"], history[:1]) == ["b"]


def test_a_key_that_a_merge_leads_elsewhere_stays_taken() -> None:
    old = Category("old", "Old")
    again = Migration("add", "old", categories=(old,))
    merged = [Migration("merge", "old", into="car")]
    with pytest.raises(TaxonomyError, match="read as another category"):
        complete(STREET, again, earlier=(old,), moves=merged)
    apart = [*merged, Migration("unmerge", "old", into="car")]
    assert complete(STREET, again, earlier=(old,), moves=apart) == again


def test_several_categories_come_and_go_as_one() -> None:
    more = tuple(Category(name, name.title()) for name in ("tram", "boat"))
    add = Migration("add", categories=more, position=1)
    grown = after(add)
    assert grown.keys == ("sky", "tram", "boat", "car", "bus", "wheel", "void")
    undo = inverse(STREET, add)
    assert undo is not None
    assert text(after(undo, start=grown)) == text(STREET)
    redo = inverse(grown, undo)
    assert redo is not None
    assert text(after(undo, redo, start=grown)) == text(grown)


@pytest.mark.parametrize(
    "data",
    [
        [], {}, {"kind": "drop"}, {"kind": "rename", "key": 1}, {"kind": "add", "nome": "x"},
        {"kind": "reorder", "keys": ["a", 1]}, {"kind": "recolor", "color": [1, 2, 300]},
        {"kind": "recolor", "color": [True, 2, 3]}, {"kind": "add", "position": -1},
        {"kind": "add", "categories": [{"key": "x"}]}, {"kind": "add", "categories": "x"},
    ],
)  # fmt: skip
def test_json_of_another_form_is_refused(data) -> None:
    with pytest.raises(TaxonomyError):
        migration_from_json(data)


def random_migration(taxonomy: Taxonomy, rng: random.Random) -> Migration:
    key, other = rng.choice(taxonomy.keys), rng.choice(taxonomy.keys)
    names = [f"Name {rng.randrange(40)}" for _ in range(3)]
    order = rng.sample(taxonomy.keys, rng.randrange(1, len(taxonomy) + 1))
    color = tuple(rng.randrange(256) for _ in range(3))
    return rng.choice(
        [
            Migration("add", name=names[0]),
            Migration("rename", key, names[0]),
            Migration("recolor", key, color=rng.choice([None, color])),
            Migration("reorder", keys=tuple(order)),
            Migration("merge", key, into=other),
            Migration("split", key, names=tuple(names[: rng.randrange(2, 4)])),
            Migration("retire", key),
            Migration("restore", key),
        ]
    )


@pytest.mark.parametrize("hundred", range(10))
def test_random_histories_never_reuse_a_key_and_undo_to_the_byte(hundred: int) -> None:
    for seed in range(100 * hundred, 100 * hundred + 100):
        play_a_history(random.Random(seed))


def play_a_history(rng: random.Random) -> None:
    taxonomy, gone = STREET, []
    history: list[tuple[str, Migration, Migration | None]] = []
    born = list(STREET.keys)
    for _ in range(rng.randrange(3, 12)):
        try:
            step = complete(taxonomy, random_migration(taxonomy, rng), earlier=gone)
            new = migrate(taxonomy, step, earlier=gone)
        except TaxonomyError:
            continue
        assert migration_from_json(json.loads(json.dumps(migration_to_json(step)))) == step
        undo = inverse(taxonomy, step, used=False, earlier=gone)
        history.append((text(taxonomy), step, undo))
        shown = dict(zip(taxonomy.keys, taxonomy.colors(), strict=True))
        now = dict(zip(new.keys, new.colors(), strict=True))
        recolored = {step.key} if step.kind == "recolor" else set()
        assert {k: v for k, v in now.items() if k in shown and k not in recolored} == {
            k: v for k, v in shown.items() if k in now and k not in recolored
        }
        added = [key for key in new.keys if key not in taxonomy.keys]
        assert not set(added) & set(born)
        born += added
        gone += [c for c in taxonomy if c not in new.categories]
        assert set(resolve(born, [m for _, m, _ in history])) == set(new.keys)
        taxonomy = new
    for before, step, undo in reversed(history):
        if undo is None:
            assert step.kind == "split"
            break
        redo = inverse(taxonomy, undo, used=False, earlier=gone)
        undone = migrate(taxonomy, undo, earlier=gone)
        assert text(undone) == before
        assert redo is not None
        assert text(migrate(undone, redo, earlier=gone)) == text(taxonomy)
        taxonomy = undone
