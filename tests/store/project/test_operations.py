from __future__ import annotations

import dataclasses
import json
import threading

import numpy as np
import pytest
from sqlalchemy import insert, text, update

from maskloom.core.labels import FULL
from maskloom.core.migrations import Migration
from maskloom.edits import operations as ops
from maskloom.edits.gestures import (
    create_object,
    delete_object,
    make,
    replace_pixels,
    set_field,
    set_verdict,
)
from maskloom.edits.operations import Change, Operation, new_id
from maskloom.edits.tiles import encode_tile, xor_tiles
from maskloom.errors import Conflict, DataError, UsageError
from maskloom.store.project import Project, database, schema
from maskloom.store.project.operations import Committed


def square(x, y, side=20):
    pixels = np.zeros((256, 256), bool)
    pixels[y : y + side, x : x + side] = True
    return encode_tile(pixels)


def brush(project, uid, *, at=(0, 0), place=(0, 0), category="car", sample=1, layer="main"):
    document = project.document(sample, layer)
    return make(document, layer, "brush", [create_object(uid, {at: square(*place)}, category)])


def commit(project, op, sample=1, author="ann"):
    return project.commit(sample, op, author=author)


def told(project, sample=1, layer="main", at=None):
    return project.document(sample, layer, at)


def test_an_operation_takes_the_next_number_and_revision(project):
    before = project.sequence()
    op = brush(project, "a")
    done = commit(project, op)
    assert dataclasses.replace(done, created="") == Committed(before + 1, 1, op, "ann", "")
    assert project.sequence() == before + 1
    assert set(told(project).objects) == {"a"}
    row = project.sample(1)
    assert (row.state, row.objects, row.revision, row.author) == ("todo", 1, 1, "ann")
    assert row.updated == done.created
    assert project.operations(1, "main") == [done]
    second = commit(project, brush(project, "b", place=(50, 50)), author="bob")
    assert (second.seq, second.revision) == (before + 2, 2)
    assert project.operations("000000", "main", after=1) == [second]
    assert project.operations(1, "main", until=1) == [done]
    assert project.operations(2, "main") == []
    assert project.layers()[0].objects == 2
    with Project.open(project.root) as again:
        assert again.operations(1, "main") == [done, second]
        assert told(again) == told(project)


def test_done_is_full_coverage(project):
    commit(project, brush(project, "a"))
    assert not told(project).to_labels(project.taxonomy(), "main").coverage.full
    commit(
        project,
        make(told(project), "main", "state", [set_field(told(project), "", "state", "done")]),
    )
    assert project.sample(1).state == "done"
    assert told(project).to_labels(project.taxonomy(), "main").coverage == FULL
    assert project.counts() == {"todo": 2, "doing": 0, "done": 1}


def test_a_second_try_gets_the_first_answer(project):
    op = brush(project, "a")
    done = commit(project, op)
    commit(project, brush(project, "b"))
    again = commit(project, op)
    assert again == dataclasses.replace(done, repeated=True)
    assert project.sequence() == done.seq + 1
    assert len(project.operations(1, "main")) == 2


def test_an_id_that_stands_for_another_operation_is_refused(project):
    op = brush(project, "a")
    commit(project, op)
    with pytest.raises(DataError, match="stands for another one"):
        commit(project, dataclasses.replace(op, kind="other"))
    with pytest.raises(DataError, match="stands for another one"):
        commit(project, op, sample=2)
    assert project.sequence() == 2


def test_an_operation_on_something_else_follows_what_its_author_has_not_seen(project):
    first, second = brush(project, "a"), brush(project, "b")
    assert second.base == 0
    commit(project, first)
    done = commit(project, second, author="bob")
    assert (done.revision, done.op.base) == (2, 0)
    assert set(told(project).objects) == {"a", "b"}


def test_who_missed_too_much_is_asked_to_load_again(project, monkeypatch):
    monkeypatch.setattr("maskloom.store.project.operations._MOST_MISSING", 3)
    late = brush(project, "late")
    for i in range(3):
        commit(project, brush(project, f"o{i}"))
    assert commit(project, late).revision == 4
    late = dataclasses.replace(brush(project, "later"), base=0)
    with pytest.raises(Conflict, match="too much") as caught:
        commit(project, late)
    assert caught.value.missing == ()


def paint(project, uid, tile, *, base=None):
    document = told(project)
    held = document.objects[uid]
    change = replace_pixels(document, uid, {**held.tiles, tile: square(100, 20)})
    op = make(document, "main", "brush", [change])
    return op if base is None else dataclasses.replace(op, base=base)


def test_two_strokes_in_other_tiles_of_one_object_both_count(project):
    commit(project, brush(project, "a"))
    left, right = paint(project, "a", (0, 0)), paint(project, "a", (1, 0))
    commit(project, left)
    commit(project, right)
    assert told(project).objects["a"].tiles == {(0, 0): square(100, 20), (1, 0): square(100, 20)}


def test_two_strokes_in_one_tile_conflict_and_the_second_learns_of_the_first(project):
    commit(project, brush(project, "a"))
    first, second = paint(project, "a", (1, 0)), paint(project, "a", (1, 0))
    unrelated = brush(project, "z")
    done = [commit(project, first, author="bob"), commit(project, unrelated, author="bob")]
    before = told(project)
    with pytest.raises(Conflict, match="someone else") as caught:
        commit(project, second)
    assert list(caught.value.missing) == done
    assert told(project) == before
    assert project.sequence() == done[-1].seq


@pytest.mark.parametrize(
    "change",
    [
        lambda d: delete_object("a"),
        lambda d: set_field(d, "a", "category", "dog"),
        lambda d: replace_pixels(d, "a", {(0, 0): square(9, 9)}),
    ],
)
def test_a_deleted_object_is_not_changed_unseen(project, change):
    commit(project, brush(project, "a"))
    late = make(told(project), "main", "late", [change(told(project))])
    commit(project, make(told(project), "main", "delete", [delete_object("a")]))
    with pytest.raises(Conflict):
        commit(project, late)
    assert told(project).objects == {}


def test_an_operation_whose_old_value_is_wrong_is_a_conflict_without_missing_ones(project):
    commit(project, brush(project, "a"))
    op = make(told(project), "main", "category", [Change("a", {"category": ("dog", "tree")})])
    with pytest.raises(Conflict) as caught:
        commit(project, op)
    assert caught.value.missing == ()


def test_an_operation_for_a_revision_to_come_is_refused(project):
    with pytest.raises(DataError, match="still to come"):
        commit(project, dataclasses.replace(brush(project, "a"), base=1))
    assert project.sequence() == 1


def test_a_category_that_is_none_is_refused(project):
    with pytest.raises(DataError, match="no such category"):
        commit(project, brush(project, "a", category="unicorn"))


def test_an_undo_of_an_undo_is_where_it_was(project):
    first = commit(project, brush(project, "a"))
    state = told(project)
    undone = commit(project, ops.inverse(first.op, new_id(), base=1))
    assert told(project).objects == {}
    commit(project, ops.inverse(undone.op, new_id(), base=2))
    assert told(project).objects == state.objects


@pytest.mark.parametrize("author", ["", "a\nb", "x" * 101])
def test_an_author_is_a_name(project, author):
    with pytest.raises(UsageError, match="author"):
        commit(project, brush(project, "a"), author=author)


def test_layers_of_people_begin_with_their_first_operation(project):
    names = ["gold", "by/ann", "by/Jörg Ö", "consensus"]
    for name in names:
        assert told(project, layer=name).objects == {}
        commit(project, brush(project, "a", layer=name))
    assert [one.name for one in project.layers()] == ["main", *sorted(names)]
    assert told(project).objects == {}


@pytest.mark.parametrize("name", ["other", "model/unet@ab12", "mian"])
def test_other_layers_are_not_begun_by_mistake(project, name):
    with pytest.raises(UsageError, match=r"no such layer.*Known layers: main"):
        told(project, layer=name)
    op = dataclasses.replace(brush(project, "a"), layer=name)
    with pytest.raises(UsageError, match="no such layer"):
        commit(project, op)


@pytest.mark.parametrize("name", ["../x", "a\0b", "x" * 200, "", "/etc", "by/../..", "a#3", ".x"])
def test_a_hostile_name_of_a_layer_is_refused(project, name):
    op = dataclasses.replace(brush(project, "a"), layer=name)
    for ask in (
        lambda: commit(project, op),
        lambda: told(project, layer=name),
        lambda: project.page(layer=name),
        lambda: project.operations(1, name),
    ):
        with pytest.raises(UsageError, match="not a name for a layer"):
            ask()
    assert [one.name for one in project.layers()] == ["main"]


def test_machine_labels_stay_as_they_are(project):
    with database.write(project) as connection:
        connection.execute(
            insert(schema.layer).values(name="model/m@1", form="rows", immutable=True, created="")
        )
    with pytest.raises(UsageError, match="stay as they are"):
        commit(project, brush(project, "a", layer="model/m@1"))


def test_a_verdict_reaches_its_item_with_the_operation(project):
    with database.write(project) as connection:
        connection.execute(
            insert(schema.review).values(
                id=1, seq=1, truth="main", predicted="m", created="", items=2
            )
        )
        item = {"review_id": 1, "kind": "extra", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "area": 1,
                "score": 1.0, "reason": "r"}  # fmt: skip
        connection.execute(
            insert(schema.review_item),
            [{**item, "id": "i1", "rank": 0, "sample_id": 1},
             {**item, "id": "i2", "rank": 1, "sample_id": 2}],
        )  # fmt: skip

    def verdicts():
        with database.read(project) as connection:
            return connection.execute(
                text("SELECT id, verdict, verdict_seq FROM review_item ORDER BY id")
            ).all()

    done = commit(
        project, make(told(project), "main", "verdict", [set_verdict(told(project), "i1", "fixed")])
    )
    assert verdicts() == [("i1", "fixed", done.seq), ("i2", None, None)]
    undone = commit(project, ops.inverse(done.op, new_id(), base=1))
    # An item of another sample does not follow.
    commit(
        project, make(told(project), "main", "verdict", [set_verdict(told(project), "i2", "fixed")])
    )
    assert verdicts() == [("i1", None, undone.seq), ("i2", None, None)]


def test_a_sample_of_unknown_size_cannot_be_edited(project):
    with database.write(project) as connection:
        connection.execute(update(schema.sample).where(schema.sample.c.id == 2).values(width=None))
    with pytest.raises(DataError, match="known size"):
        told(project, sample=2)


def test_a_volume_is_not_edited_and_says_so(project):
    with database.write(project) as connection:
        connection.execute(update(schema.sample).where(schema.sample.c.id == 2).values(depth=7))
    with pytest.raises(DataError, match=r"a volume.*7 slices of .*Export the layer"):
        told(project, sample=2)


def test_what_was_said_at_a_number_stays_readable(project):
    states = {project.sequence(): told(project)}
    for i in range(5):
        done = commit(project, brush(project, f"o{i}", place=(i, i)))
        states[done.seq] = told(project)
    commit(project, brush(project, "other", sample=2), sample=2)
    for seq, state in states.items():
        assert told(project, at=seq) == state
        assert told(project, at=seq).revision == state.revision
    with pytest.raises(UsageError, match="no such revision yet"):
        told(project, at=10**9)
    with pytest.raises(DataError, match="no taxonomy yet"):
        told(project, at=0)


def test_a_damaged_operation_is_one_clear_error(project):
    done = commit(project, brush(project, "a"))
    commit(project, brush(project, "b"))
    for payload in ("{", json.dumps({"v": 2}), ""):
        with database.write(project) as connection:
            connection.execute(
                update(schema.op).where(schema.op.c.seq == done.seq).values(payload=payload)
            )
        with (
            Project.open(project.root) as again,
            pytest.raises(DataError, match=f"operation {done.seq}.*damaged"),
        ):
            told(again)


def test_missing_operations_are_one_clear_error(project):
    done = commit(project, brush(project, "a"))
    commit(project, brush(project, "b"))
    with database.write(project) as connection:
        connection.execute(schema.op.delete().where(schema.op.c.seq == done.seq))
    with (
        Project.open(project.root) as again,
        pytest.raises(DataError, match="operations are missing"),
    ):
        told(again)


def test_two_open_projects_see_each_other(project):
    with Project.open(project.root) as other:
        for i in range(4):
            one, two = (project, other) if i % 2 else (other, project)
            commit(one, brush(one, f"o{i}", place=(i, i)))
            assert told(two) == told(one)
            assert len(told(two).objects) == i + 1


def paint_at_random(one, seed, answers, refused):
    """Fifteen strokes, each on what is seen at that time."""
    clock = np.random.default_rng(seed)
    for _ in range(15):
        document = told(one)
        held = document.objects[str(clock.choice(["a", "b", "c"]))]
        tile = int(clock.integers(2)), int(clock.integers(2))
        x, y = (int(v) for v in clock.integers(0, 20, 2))
        tiles = {**held.tiles, tile: square(x, y)}
        op = make(document, "main", "brush", [replace_pixels(document, held.uid, tiles)])
        if not op.changes[0].tiles:
            continue
        try:
            answers.append(commit(one, op))
        except Conflict as conflict:
            refused.append((op, conflict.missing))


def test_writers_at_the_same_time_lose_nothing_and_overwrite_nothing(project):
    """Four threads, two of them on a connection of their own, paint tiles of three objects."""
    for uid in "abc":
        commit(project, brush(project, uid))
    answers, refused = [], []

    with Project.open(project.root) as other:
        threads = [
            threading.Thread(target=paint_at_random, args=(one, seed, answers, refused))
            for seed, one in enumerate((project, project, other, other))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        now = told(project)
        assert told(other) == now
    log = project.operations(1, "main")
    assert [done.revision for done in log] == list(range(1, len(log) + 1))
    assert sorted(done.op.id for done in answers) == sorted(done.op.id for done in log[3:])
    assert len(answers) + len(refused) >= 50
    for op, missing in refused:
        assert [done.op for done in missing] == [d.op for d in log[op.base :][: len(missing)]]
        assert missing
    with Project.open(project.root) as fresh:
        assert told(fresh) == now
    # By hand: each object's tiles are the XOR of all that was accepted.
    expected: dict = {}
    for done in log:
        for change in done.op.changes:
            expected[change.object] = xor_tiles(expected.get(change.object, {}), change.tiles)
    assert {uid: held.tiles for uid, held in now.objects.items()} == expected


def test_a_merge_is_seen_in_documents_and_old_operations_are_replayed(project):
    commit(project, brush(project, "a", category="car"))
    commit(project, brush(project, "b", category="dog"))
    before = project.sequence()
    stale = make(
        told(project), "main", "category", [set_field(told(project), "b", "category", "car")]
    )
    project.migrate(Migration("merge", "car", into="dog"), author="lead")
    assert {held.category for held in told(project).objects.values()} == {"dog"}
    assert told(project, at=before).objects["a"].category == "car"
    commit(project, stale)
    assert told(project).objects["b"].category == "dog"
    change = set_field(told(project), "a", "category", "tree")
    commit(project, make(told(project), "main", "category", [change]))
    for one in (project, Project.open(project.root)):
        assert {k: o.category for k, o in told(one).objects.items()} == {"a": "tree", "b": "dog"}
    one.close()
    labels = told(project).to_labels(project.taxonomy(), "main")
    assert [project.taxonomy()[int(c)].key for c in labels.rows.category] == ["tree", "dog"]


def test_work_drawn_before_a_merge_is_accepted_under_it_and_kept_as_it_was_sent(project):
    commit(project, brush(project, "old", category="car"))
    waiting = [
        brush(project, "new", category="car"),
        make(told(project), "main", "edit", [set_field(told(project), "old", "category", "tree")]),
    ]
    project.migrate(Migration("merge", "car", into="dog"), author="lead")
    done = [commit(project, op) for op in waiting]
    assert [one.op for one in done] == waiting
    assert [one.op for one in project.operations(1, "main", after=1)] == waiting
    assert commit(project, waiting[0]) == dataclasses.replace(done[0], repeated=True)
    with Project.open(project.root) as again:
        assert told(again) == told(project)
    assert {k: o.category for k, o in told(project).objects.items()} == {
        "old": "tree",
        "new": "dog",
    }
    with pytest.raises(DataError, match="no such category"):
        commit(project, brush(project, "x", category="unicorn"))


@pytest.mark.parametrize(
    "change",
    [
        create_object("a", {(0, 1): square(0, 50)}, "car"),
        create_object("a", {(9, 0): square(0, 0)}, "car"),
        create_object("a", {(0, 0): b"nonsense"}, "car"),
        create_object("a", {}, "car", attributes={"x": float("nan")}),
        create_object("a", {}, "car", attributes={"x": "\ud800"}),
        create_object("a", {}, "car", attributes={"x": "y" * 5_000_000}),
        create_object("../a", {}, "car"),
        Change("a", {"unknown": (1, 2)}),
    ],
)
def test_what_could_not_be_read_again_is_never_stored(project, change):
    with pytest.raises(DataError):
        commit(project, make(told(project), "main", "brush", [change]))
    assert project.sequence() == 1
    assert told(project).objects == {}


def test_operations_are_stored_as_they_were_sent(project):
    op = brush(project, "a")
    commit(project, op)
    with database.read(project) as connection:
        stored = connection.execute(text("SELECT payload FROM op")).scalar()
    assert stored.encode() == ops.to_bytes(op)
    parsed = ops.parse(stored, (300, 400))
    assert isinstance(parsed, Operation)
    assert parsed == op
