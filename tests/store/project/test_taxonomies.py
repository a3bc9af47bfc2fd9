"""Taxonomy migrations in a project: recorded, counted, undone; labels are never rewritten."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.migrations import Migration
from maskloom.core.taxonomy import Taxonomy
from maskloom.edits.gestures import create_object, delete_object, make, replace_pixels, set_field
from maskloom.edits.operations import Change, Operation, inverse, new_id
from maskloom.edits.tiles import encode_tile, xor_tiles
from maskloom.errors import TaxonomyError, UsageError, WriteError
from maskloom.store.project import Project, database, documents, taxonomies
from maskloom.verbs.export import export
from maskloom.verbs.import_ import import_
from maskloom.verbs.taxonomy import taxonomy as taxonomy_verb

SIZE = (300, 400)
SQUARE = np.zeros((256, 256), bool)
SQUARE[5:25, 5:25] = True


def text(project: Project, at: int | None = None) -> str:
    return json.dumps(project.taxonomy(at).to_json(), sort_keys=True)


@pytest.fixture
def cars(project: Project) -> Project:
    """`main`: in each of three images a car and two dogs; `map` is a class map of car and dog."""

    def rows_of(sample):
        pixels = np.zeros((3, *SIZE), bool)
        pixels[0, 10:60, 10:60] = pixels[1, 200:280, 250:390] = pixels[2, 90:95, 0:5] = True
        return Labels(SIZE, rows=Rows.make(Masks.from_dense(pixels), [0, 1, 1]))

    def map_of(sample):
        classes = np.full(SIZE, 254, np.uint8)
        classes[10:60, 10:60] = 0
        classes[100:110, 10:20] = classes[200:205, 10:20] = 1
        return Labels(SIZE, class_map=classes)

    for layer, labels_of in (("main", rows_of), ("by/map", map_of)):
        project.add(Dataset(project.taxonomy(), project.samples(), labels_of), layer)
    return project


def names_of(project: Project, layer: str = "main", at: int | None = None) -> list[str]:
    """Names of the categories of the first sample's objects, or of its map's values."""
    dataset = project.dataset(layer, at)
    labels = dataset.labels_of(dataset.samples[0])
    if labels.rows is not None:
        return [dataset.taxonomy[int(i)].name for i in labels.rows.category]
    return [dataset.taxonomy[int(i)].name for i in np.unique(labels.class_map) if i < 254]


def test_a_change_is_recorded_and_the_older_state_stays_readable(cars: Project) -> None:
    before, seq = text(cars), cars.sequence()
    done = cars.migrate(Migration("rename", "car", "Automobile"), author="ann")
    assert done.seq == seq + 1 == cars.sequence()
    assert names_of(cars) == ["Automobile", "Dog", "Dog"]
    assert text(cars, seq) == before
    assert names_of(cars, at=seq) == ["Car", "Dog", "Dog"]
    last = taxonomies.history(cars)[-1]
    assert (last.seq, last.kind, last.author, last.undoable) == (done.seq, "rename", "ann", True)


def test_a_dry_run_counts_and_changes_nothing(cars: Project) -> None:
    before, seq = text(cars), cars.sequence()
    done = cars.migrate(Migration("merge", "dog", into="car"), author="ann", dry_run=True)
    assert done.seq is None
    assert done.inverse is None
    assert done.counts == {
        "samples": 3,
        "objects": 9,
        "layers": {"main": {"samples": 3, "objects": 6}, "by/map": {"samples": 3, "objects": 3}},
    }
    assert (text(cars), cars.sequence()) == (before, seq)


def test_merged_labels_are_read_under_the_new_key_in_both_forms(cars: Project) -> None:
    cars.migrate(Migration("merge", "dog", into="car"), author="ann")
    assert names_of(cars) == ["Car", "Car", "Car"]
    assert names_of(cars, "by/map") == ["Car"]
    assert cars.document(1, "by/map").objects["car"].tiles
    with pytest.raises(TaxonomyError, match="nothing can undo"):
        taxonomies.undo(cars, cars.sequence(), author="ann")


def test_edits_count_and_are_resolved_too(cars: Project) -> None:
    document = cars.document(1, "main")
    uid = next(iter(document.objects))
    for changes in (
        [set_field(document, uid, "category", "tree")],
        [create_object("new", {(0, 0): encode_tile(SQUARE)}, "tree")],
    ):
        document = cars.document(1, "main")
        cars.commit(1, make(document, "main", "edit", changes), author="ann")
    done = cars.migrate(Migration("merge", "tree", into="dog"), author="ann")
    assert done.counts["layers"] == {"main": {"samples": 1, "objects": 2}}
    assert names_of(cars) == ["Dog", "Dog", "Dog", "Dog"]
    assert names_of(cars, at=done.seq - 1) == ["Tree", "Dog", "Dog", "Tree"]


@pytest.mark.parametrize("name", ["tree", "x"])
def test_an_unused_merge_is_undone_to_the_byte(cars: Project, name: str) -> None:
    if name == "x":
        cars.migrate(Migration("add", name="x"), author="ann")
    before, content = text(cars), cars.dataset().content_hash()
    done = cars.migrate(Migration("merge", name, into="dog"), author="ann")
    assert text(cars) != before
    taxonomies.undo(cars, done.seq, author="bob")
    assert text(cars) == before
    assert cars.dataset().content_hash() == content
    with pytest.raises(UsageError, match="undone already"):
        taxonomies.undo(cars, done.seq, author="bob")
    again = taxonomies.undo(cars, cars.sequence(), author="bob")  # undo of the undo
    assert again.taxonomy == done.taxonomy
    assert [one.undoable for one in taxonomies.history(cars)][-2:] == [False, True]


def test_a_merge_stays_where_its_target_was_changed_since(cars: Project) -> None:
    done = cars.migrate(Migration("merge", "tree", into="dog"), author="ann")
    rename = cars.migrate(Migration("rename", "dog", "Hound"), author="ann")
    with pytest.raises(TaxonomyError, match="changed after"):
        taxonomies.undo(cars, done.seq, author="ann")
    taxonomies.undo(cars, rename.seq, author="ann")
    taxonomies.undo(cars, done.seq, author="ann")
    assert cars.taxonomy().keys == ("car", "dog", "tree")


def test_an_added_category_goes_only_while_nothing_ever_named_it(cars: Project) -> None:
    unused = cars.migrate(Migration("add", name="Boat"), author="ann")
    taxonomies.undo(cars, unused.seq, author="ann")
    assert cars.taxonomy().keys == ("car", "dog", "tree")
    again = cars.migrate(Migration("add", name="Boat"), author="ann")
    assert again.taxonomy.keys[-1] == "boat-2"
    document = cars.document(1, "main")
    drawn = [create_object("new", {(0, 0): encode_tile(SQUARE)}, "boat-2")]
    cars.commit(1, make(document, "main", "brush", drawn), author="ann")
    with pytest.raises(TaxonomyError, match="labels say"):
        taxonomies.undo(cars, again.seq, author="ann")
    document = cars.document(1, "main")
    cars.commit(1, make(document, "main", "delete", [delete_object("new")]), author="ann")
    with pytest.raises(TaxonomyError, match="labels say"):
        taxonomies.undo(cars, again.seq, author="ann")


def brush(project: Project, uid: str, category: str) -> None:
    drawn = [create_object(uid, {(0, 0): encode_tile(SQUARE)}, category)]
    project.commit(1, make(project.document(1, "main"), "main", "brush", drawn), author="ann")


def edit(project: Project, *changes: Change) -> Operation:
    op = make(project.document(1, "main"), "main", "edit", list(changes))
    project.commit(1, op, author="ann")
    return op


def with_van(project: Project, form: str) -> int:
    """Import labels of car and van, which the project lacks; number of what that added."""
    pixels = np.zeros((2, *SIZE), bool)
    pixels[0, 10:60, 10:60] = pixels[1, 200:280, 250:390] = True
    classes = np.where(pixels[0], 0, np.where(pixels[1], 1, 254)).astype(np.uint8)
    labels = {
        "rows": Labels(SIZE, rows=Rows.make(Masks.from_dense(pixels), [0, 1])),
        "map": Labels(SIZE, class_map=classes),
    }[form]
    names = Taxonomy.from_names(["Car", "Van"])
    project.add(Dataset(names, project.samples(), lambda _: labels), "main")
    return next(one.seq for one in taxonomies.history(project) if one.kind == "add")


@pytest.mark.parametrize("form", ["rows", "map"])
def test_what_an_import_added_stays_while_a_deleted_or_replaced_label_names_it(
    project: Project, form: str
) -> None:
    added = with_van(project, form)
    for sample in (1, 2, 3):
        document = project.document(sample, "main")
        if form == "map":
            changes = [replace_pixels(document, "van", {})]
        else:
            uids = [uid for uid, held in document.objects.items() if held.category == "van"]
            changes = [delete_object(uid) for uid in uids]
        project.commit(sample, make(document, "main", "delete", changes), author="ann")
    assert taxonomies.history(project)[-1].undoable
    with pytest.raises(TaxonomyError, match="labels say this category, or said it once"):
        taxonomies.undo(project, added, author="ann")
    assert "van" in project.taxonomy().keys
    dataset = project.dataset()
    for sample in dataset.samples:
        assert project.document(sample.key, "main").revision == 2
        dataset.labels_of(sample)
    only_car = Labels(SIZE, rows=Rows.make(Masks.from_dense(np.ones((1, *SIZE), bool)), [0]))
    if form == "rows":
        names = Taxonomy.from_names(["Car"])
        again = Dataset(names, project.samples(), lambda _: only_car)
        project.add(again, "main", replace=True)
        with pytest.raises(TaxonomyError, match="or said it once"):
            taxonomies.undo(project, added, author="ann")


def test_a_category_that_a_snapshot_only_looked_for_stays_too(project: Project) -> None:
    labels = Labels(
        SIZE,
        rows=Rows.make(Masks.from_dense(np.ones((1, *SIZE), bool)), [0]),
        coverage=Coverage(categories=frozenset({"car", "van"})),
    )
    names = Taxonomy.from_names(["Car", "Van"])
    project.add(Dataset(names, project.samples(), lambda _: labels), "main")
    with pytest.raises(TaxonomyError, match="cannot be removed"):
        taxonomies.undo(project, taxonomies.history(project)[-1].seq, author="ann")


def test_text_that_is_no_category_keeps_nothing(cars: Project) -> None:
    added = cars.migrate(Migration("add", name="Boat"), author="ann")
    uid = next(iter(cars.document(1, "main").objects))
    edit(cars, set_field(cars.document(1, "main"), uid, "attributes", {"kind": "boat"}))
    taxonomies.undo(cars, added.seq, author="ann")
    assert "boat" not in cars.taxonomy().keys


def test_a_merge_of_what_only_a_deleted_object_says_cannot_be_undone(cars: Project) -> None:
    brush(cars, "n", "tree")
    gone = edit(cars, delete_object("n"))
    merged = cars.migrate(Migration("merge", "tree", into="dog"), author="ann")
    assert merged.inverse is None
    assert merged.counts["objects"] == 0
    revision = cars.document(1, "main").revision
    cars.commit(1, inverse(gone, new_id(), base=revision), author="ann")
    edit(cars, set_field(cars.document(1, "main"), "n", "category", "car"))
    with pytest.raises(TaxonomyError, match="nothing can undo"):
        taxonomies.undo(cars, merged.seq, author="ann")
    with Project.open(cars.root) as again:
        assert again.document(1, "main").objects["n"].category == "car"


@pytest.mark.parametrize("through", ["tree", "bush"])
def test_a_merge_stays_once_late_work_named_what_it_merged(cars: Project, through: str) -> None:
    cars.migrate(Migration("add", name="Bush"), author="ann")
    document = cars.document(1, "main")
    drawn = [create_object("n", {(0, 0): encode_tile(SQUARE)}, through)]
    late = make(document, "main", "brush", drawn)
    cars.migrate(Migration("merge", "bush", into="tree"), author="ann")
    merged = cars.migrate(Migration("merge", "tree", into="dog"), author="ann")
    assert merged.inverse is not None
    cars.commit(1, late, author="ann")
    edit(cars, set_field(cars.document(1, "main"), "n", "category", "car"))
    with pytest.raises(TaxonomyError, match="named the category after it was merged"):
        taxonomies.undo(cars, merged.seq, author="ann")
    with Project.open(cars.root) as again:
        assert again.document(1, "main") == cars.document(1, "main")
        assert again.document(1, "main").objects["n"].category == "car"


def test_a_key_that_is_merged_away_is_not_added_again(cars: Project) -> None:
    added = cars.migrate(Migration("add", name="Van"), author="ann")
    removed = taxonomies.undo(cars, added.seq, author="ann")
    again = Migration("add", "van", categories=added.migration.categories)
    cars.migrate(again, author="ann")
    brush(cars, "n", "van")
    cars.migrate(Migration("merge", "van", into="car"), author="ann")
    before = text(cars)
    with pytest.raises(TaxonomyError, match="read as another category"):
        taxonomies.undo(cars, removed.seq, author="ann")
    with pytest.raises(TaxonomyError, match="read as another category"):
        cars.migrate(again, author="ann")
    assert text(cars) == before


def test_a_stroke_on_classes_of_a_map_that_were_merged_is_one_change_of_what_they_became(
    cars: Project,
) -> None:
    both, apart = np.zeros((256, 256), bool), np.zeros((256, 256), bool)
    both[20:30, 20:30] = apart[150:160, 20:30] = True
    over, aside = encode_tile(both), encode_tile(apart)
    document = cars.document(1, "by/map")
    # From car to dog, and dog where nothing was: only that is a change when both are one.
    changes = [
        Change("car", {}, {(0, 0): over}),
        Change("dog", {}, {(0, 0): xor_tiles({(0, 0): over}, {(0, 0): aside})[0, 0]}),
    ]
    late = make(document, "by/map", "brush", changes)
    cars.migrate(Migration("merge", "dog", into="car"), author="ann")
    before = cars.document(1, "by/map").objects["car"].tiles
    done = cars.commit(1, late, author="bob")
    assert done.op == late
    now = cars.document(1, "by/map")
    assert now.objects["car"].tiles == xor_tiles(before, {(0, 0): aside})
    with Project.open(cars.root) as again:
        assert again.document(1, "by/map") == now
    cars.commit(1, inverse(late, new_id(), base=now.revision), author="bob")
    assert cars.document(1, "by/map").objects["car"].tiles == before


def test_in_the_writers_turn_only_what_came_since_is_counted_again(
    cars: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sample in (1, 2, 3):
        document = cars.document(sample, "main")
        done = make(document, "main", "state", [set_field(document, "", "state", "doing")])
        cars.commit(sample, done, author="ann")
    counted: list[int] = []
    write, head = database.write, documents.head

    def counting_head(project, connection, place):
        counted.append(place.ids[1])
        return head(project, connection, place)

    def late_write(project):
        monkeypatch.setattr(database, "write", write)
        document = cars.document(2, "main")
        drawn = [create_object("new", {(0, 0): encode_tile(SQUARE)}, "dog")]
        cars.commit(2, make(document, "main", "brush", drawn), author="bob")
        counted.clear()
        return write(project)

    monkeypatch.setattr(documents, "head", counting_head)
    monkeypatch.setattr(database, "write", late_write)
    done = cars.migrate(Migration("merge", "dog", into="car"), author="ann")
    assert counted == [2]
    assert done.counts["layers"]["main"] == {"samples": 3, "objects": 7}
    assert done.counts["layers"]["by/map"] == {"samples": 3, "objects": 3}
    assert done.inverse is None


def test_a_split_queues_every_region_for_people_and_none_of_a_machine(cars: Project) -> None:
    fixed = cars.dataset()
    cars.add(fixed, "model/net@ab12", immutable=True)
    wish = Migration("split", "dog", names=("Wolf", "Poodle"))
    assert cars.migrate(wish, author="ann", dry_run=True).reviews == {
        "by/map": {"id": None, "items": 6},
        "main": {"id": None, "items": 6},
    }
    assert cars.reviews() == []
    done = cars.migrate(wish, author="ann")
    assert done.taxonomy.keys == ("car", "dog", "wolf", "poodle", "tree")
    assert names_of(cars) == ["Car", "Dog", "Dog"]
    items, total = cars.review_items(done.reviews["main"]["id"], offset=0, limit=100)
    assert total == 6
    assert [item.rank for item in items] == [1, 2, 3, 4, 5, 6]
    assert {(i.kind, i.category, i.verdict) for i in items} == {("split", "dog", None)}
    assert {(i.x0, i.y0, i.x1, i.y1, i.area) for i in items} == {
        (250, 200, 390, 280, 11200), (0, 90, 5, 95, 25),
    }  # fmt: skip
    for item in items:
        assert cars.document(item.sample_id, "main").objects[item.object].category == "dog"
    items, total = cars.review_items(done.reviews["by/map"]["id"], offset=0, limit=100)
    assert total == 6
    assert {i.object for i in items} == {"dog"}
    assert {(i.x0, i.y0, i.x1, i.y1, i.area) for i in items} == {
        (10, 100, 20, 110, 100), (10, 200, 20, 205, 50),
    }  # fmt: skip


def test_a_split_while_somebody_paints_queues_what_was_there_at_its_number(cars: Project) -> None:
    stop = threading.Event()

    def paint() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            tiles = {(0, 0): encode_tile(SQUARE)}
            document = cars.document(2, "main")
            drawn = [create_object(f"n{number}", tiles, "dog")]
            cars.commit(2, make(document, "main", "brush", drawn), author="bob")

    painter = threading.Thread(target=paint)
    painter.start()
    try:
        while len(cars.document(2, "main").objects) < 6:
            time.sleep(0.001)
        done = cars.migrate(Migration("split", "dog", names=("A", "B")), author="ann")
    finally:
        stop.set()
        painter.join()
    assert done.seq is not None
    then = [cars.document(sample, "main", at=done.seq - 1) for sample in (1, 2, 3)]
    dogs = sorted(
        (sample, uid)
        for sample, document in enumerate(then, 1)
        for uid, held in document.objects.items()
        if held.category == "dog"
    )
    items, total = cars.review_items(done.reviews["main"]["id"], offset=0, limit=1000)
    assert total == len(dogs) > 6
    assert sorted((item.sample_id, item.object) for item in items) == dogs


def test_random_histories_reuse_no_key_and_undo_to_the_same_taxonomy_and_labels(
    cars: Project,
) -> None:
    known = {line["key"] for line in cars.taxonomy().to_json()["categories"]}
    for seed in range(20):
        known = play_a_history(cars, random.Random(seed), known)
    assert len(known) > 15


def play_a_history(project: Project, rng: random.Random, known: set[str]) -> set[str]:
    states = []
    for _ in range(6):
        now = project.taxonomy()
        key, other = rng.choice(now.keys), rng.choice(now.keys)
        step = rng.choice([
            Migration("add", name=f"New {rng.randrange(5)}"),
            Migration("rename", key, f"Name {rng.randrange(1000)}"),
            Migration("recolor", key, color=(rng.randrange(256), 5, 6)),
            Migration("reorder", keys=tuple(rng.sample(now.keys, len(now)))),
            Migration("merge", key, into=other),
            Migration("retire", key),
        ])  # fmt: skip
        before, seq = text(project), project.sequence()
        content = project.dataset().content_hash()
        try:
            done = project.migrate(step, author="ann")
        except TaxonomyError:
            assert (text(project), project.sequence()) == (before, seq)
            continue
        new = set(done.taxonomy.keys) - set(now.keys)
        assert not new & known
        known |= new
        states.append((before, content, seq, done))
    for before, content, seq, done in reversed(states):
        assert text(project, seq) == before
        assert project.dataset(at=seq).content_hash() == content
        if done.inverse is not None and states:
            taxonomies.undo(project, done.seq, author="bob")
            assert text(project) == before
            assert project.dataset().content_hash() == content
        else:
            states = []  # a merge of labels stays; what came before it is not undone either
    return known


def test_two_people_change_the_taxonomy_at_once_and_both_changes_are_there(cars: Project) -> None:
    failed: list[Exception] = []

    def add(who: str) -> None:
        try:
            for i in range(5):
                cars.migrate(Migration("add", name=f"{who} {i}"), author=who)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=add, args=(who,)) for who in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(cars.taxonomy()) == 13
    colors = cars.taxonomy().colors()
    assert len(set(colors)) == len(colors)


def test_the_copy_for_people_follows_and_is_mended(cars: Project) -> None:
    file = cars.root / "taxonomy.json"
    cars.migrate(Migration("rename", "car", "Auto"), author="ann")
    said = json.loads(file.read_text())
    assert said["sequence"] == cars.sequence()
    assert said["categories"][0]["name"] == "Auto"
    assert said["history"][-1]["kind"] == "rename"
    for damage in (b"", b"{}", b"[1]", b'{"sequence": 1}'):
        file.write_bytes(damage)
        cars.mirror()
        assert json.loads(file.read_text()) == said


def test_a_project_that_is_only_read_is_not_changed(cars: Project) -> None:
    cars.close()
    with Project.open(cars.root, readonly=True) as closed:
        with pytest.raises(WriteError, match="reading only"):
            closed.migrate(Migration("rename", "car", "Auto"), author="ann")
        assert closed.taxonomy()[0].name == "Car"


@pytest.mark.shared
def test_camvid_renamed_reordered_and_undone_exports_the_same_bytes(
    shared: Path, tmp_path: Path
) -> None:
    root = tmp_path / "camvid"
    import_(shared / "camvid", root, split="val")
    with Project.open(root) as project:
        before, content = text(project), project.dataset().content_hash()
        first = project.sequence()
    export(root, tmp_path / "before", to="camvid")
    taxonomy_verb(root, rename="car=Vehicle")
    taxonomy_verb(root, reorder=("road", "car"))
    export(root, tmp_path / "between", to="bitmap")
    with Project.open(root) as project:
        assert project.taxonomy()[1].name == "Vehicle"
        assert project.dataset().content_hash() != content
        last = project.sequence()
    taxonomy_verb(root, undo=last)
    taxonomy_verb(root, undo=last - 1)
    export(root, tmp_path / "after", to="camvid")
    with Project.open(root) as project:
        assert text(project) == before
        assert project.dataset().content_hash() == content
        assert project.dataset(at=first).content_hash() == content
    trees = [
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.*")}
        for name in ("before", "after")
    ]
    assert trees[0] == trees[1]
    assert len(trees[0]) > 101
