"""Checkpoints and the memory of documents: only caches, which change nothing."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from sqlalchemy import select

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.migrations import Migration
from maskloom.edits.document import Document
from maskloom.edits.gestures import (
    create_object,
    delete_object,
    make,
    replace_pixels,
    set_field,
)
from maskloom.edits.tiles import encode_tile
from maskloom.errors import Conflict, UsageError
from maskloom.store.project import Project, checkpoints, database, documents, schema
from maskloom.store.project.checkpoints import CHECKPOINT_OPS

SIZE = (300, 400)


@pytest.fixture
def imported(project):
    """The project with a snapshot of `main`: two objects in each image."""
    return imported_into(project, "main")


def imported_into(project, layer, **options):
    taxonomy = project.taxonomy()

    def labels_of(sample):
        pixels = np.zeros((2, *SIZE), bool)
        pixels[0, 10:60, 10:60] = pixels[1, 200:280, 250:390] = True
        masks = Masks.from_dense(pixels)
        return Labels(SIZE, rows=Rows.make(masks, [0, 1], instance=[5, 9]))

    dataset = Dataset(taxonomy, project.samples(), labels_of)
    project.add(dataset, layer, **options)
    return project


def edit(project, n, *, seed=0, sample=1, layer="main"):
    """n operations of every sort on one sample."""
    rng = np.random.default_rng(seed)
    keys = [c.key for c in project.taxonomy() if not c.retired]
    for i in range(n):
        document = project.document(sample, layer)
        op = make(document, layer, "edit", [change(document, rng, f"s{seed}-{i}", keys)])
        project.commit(sample, op, author="ann")


def change(document, rng, uid, keys):
    names = sorted(document.objects)
    choice = rng.integers(0, 5) if names else 0
    tiles = {(0, 0): encode_tile(rng.random((256, 256)) < rng.random())}
    if choice == 0:
        return create_object(uid, tiles, str(rng.choice(keys)), z=int(rng.integers(9)))
    name = str(rng.choice(names))
    if choice == 1:
        return delete_object(name)
    if choice == 2:
        return set_field(document, name, "category", str(rng.choice(keys)))
    if choice == 3:
        return set_field(document, "", "state", "doing" if i_even(uid) else "done")
    return replace_pixels(document, name, tiles)


def i_even(uid):
    return int(uid.rpartition("-")[2]) % 2 == 0


def kept(project):
    with database.read(project) as connection:
        table = schema.checkpoint
        return (
            connection.execute(select(table.c.revision).order_by(table.c.revision)).scalars().all()
        )


def replayed(project, sample=1, layer="main", at=None):
    """The document without any cache."""
    with Project.open(project.root) as fresh:
        blobs = checkpoint_files(fresh)
        for path in blobs:
            path.rename(path.with_suffix(".hidden"))
        try:
            return fresh.document(sample, layer, at)
        finally:
            for path in blobs:
                path.with_suffix(".hidden").rename(path)


def checkpoint_files(project):
    with database.read(project) as connection:
        names = connection.execute(select(schema.checkpoint.c.sha256)).scalars().all()
    return {project.layout.blobs / name[:2] / name for name in names}


def reopened(project, sample=1, layer="main", at=None):
    with Project.open(project.root) as fresh:
        return fresh.document(sample, layer, at)


def same(a: Document, b: Document) -> bool:
    return a == b and a.revision == b.revision and a.to_json() == b.to_json()


def test_every_64_operations_a_document_is_kept_that_equals_the_replay(imported):
    edit(imported, 2 * CHECKPOINT_OPS + 5)
    # The snapshot is revision 1.
    assert kept(imported) == [1 + CHECKPOINT_OPS, 1 + 2 * CHECKPOINT_OPS]
    now = imported.document(1, "main")
    assert same(reopened(imported), now)
    assert same(replayed(imported), now)
    taxonomy = imported.taxonomy()
    with_cache, without = (d.to_labels(taxonomy, "main") for d in (now, replayed(imported)))
    assert with_cache.rows.masks == without.rows.masks
    assert with_cache.rows.instance.tolist() == without.rows.instance.tolist()
    for at in range(imported.sequence() - 140, imported.sequence(), 9):
        if at > 3:
            assert same(reopened(imported, at=at), replayed(imported, at=at))


@pytest.mark.parametrize("damage", ["gone", "cut", "bytes", "other"])
def test_a_damaged_checkpoint_is_passed_over(imported, damage):
    edit(imported, CHECKPOINT_OPS + 3)
    now = imported.document(1, "main")
    (file,) = checkpoint_files(imported)
    data = file.read_bytes()
    if damage == "gone":
        shutil.rmtree(file.parent)
    else:
        file.write_bytes({"cut": data[:-9], "bytes": data[:50] + b"x" * 99, "other": b""}[damage])
    assert same(reopened(imported), now)
    edit(imported, 3, seed=1)
    assert same(reopened(imported), imported.document(1, "main"))


def test_a_blob_that_unpacks_to_no_document_is_passed_over(imported):
    from maskloom.store.project import blobs

    edit(imported, CHECKPOINT_OPS + 3)
    now = imported.document(1, "main")
    for content in (b"", b"no zlib", b"x\x9cK,I\x04\x00\x02y\x01\x8c"):
        name = blobs.put(imported.layout.blobs, content)
        with database.write(imported) as connection:
            connection.execute(schema.checkpoint.update().values(sha256=name))
        assert same(reopened(imported), now)


def test_a_process_that_opens_anew_keeps_the_next_checkpoint_in_time(imported):
    for i in range(4):
        with Project.open(imported.root) as fresh:
            edit(fresh, CHECKPOINT_OPS // 2, seed=i)
    assert kept(imported) == [1 + CHECKPOINT_OPS, 1 + 2 * CHECKPOINT_OPS]


def test_a_second_snapshot_is_a_new_start(imported):
    edit(imported, CHECKPOINT_OPS + 3)
    before = imported.sequence()
    was = imported.document(1, "main")
    stale = make(was, "main", "edit", [create_object("late", {}, "car")])
    imported_into(imported, "main", replace=True)
    now = imported.document(1, "main")
    assert len(now.objects) == 2
    assert now.revision == was.revision + 1
    assert same(reopened(imported, at=before), was)
    with pytest.raises(Conflict):
        imported.commit(1, stale, author="ann")
    edit(imported, CHECKPOINT_OPS + 1, seed=7)
    assert same(reopened(imported), imported.document(1, "main"))
    assert same(replayed(imported), imported.document(1, "main"))


def test_a_merge_of_categories_puts_checkpoints_out_of_use(imported):
    edit(imported, CHECKPOINT_OPS + 3)
    before, was = imported.sequence(), imported.document(1, "main")
    imported.migrate(Migration("merge", "car", into="dog"), author="lead")
    now = imported.document(1, "main")
    assert {held.category for held in now.objects.values()} <= {"dog", "tree"}
    assert {k: v.tiles for k, v in now.objects.items()} == {
        k: v.tiles for k, v in was.objects.items()
    }
    assert same(reopened(imported), now)
    assert same(reopened(imported, at=before), was)
    edit(imported, CHECKPOINT_OPS + 3, seed=1)
    assert same(reopened(imported), imported.document(1, "main"))
    assert same(replayed(imported), imported.document(1, "main"))
    rows = imported.document(1, "main").to_labels(imported.taxonomy(), "main").rows
    assert len(rows) == len(imported.document(1, "main").objects)


def test_a_new_name_or_order_of_categories_leaves_labels_as_they_were(imported):
    edit(imported, 20)
    was = imported.document(1, "main")
    imported.migrate(Migration("rename", "car", name="Automobile"), author="lead")
    imported.migrate(Migration("reorder", keys=("tree", "dog", "car")), author="lead")
    now = imported.document(1, "main")
    assert same(now, was)
    taxonomy = imported.taxonomy()
    labels = now.to_labels(taxonomy, "main")
    told = sorted(taxonomy[int(c)].key for c in labels.rows.category)
    assert told == sorted(held.category for held in was.objects.values())


@pytest.fixture
def mapped(project):
    """The project with a class map of two categories and void in each image."""
    taxonomy = project.taxonomy()

    def labels_of(sample):
        pixels = np.zeros(SIZE, np.uint8)
        pixels[:, 100:200], pixels[:, 200:250], pixels[:, 250:300] = 1, 255, 254
        return Labels(SIZE, class_map=pixels)

    project.add(Dataset(taxonomy, project.samples(), labels_of), "main")
    return project


def move(project, source, target, box, sample=1):
    """Paint a box of one class over to another."""
    x0, y0, x1, y1 = box
    document = project.document(sample, "main")
    pixels = np.zeros((256, 256), bool)
    pixels[y0:y1, x0:x1] = True
    patch = {(0, 0): encode_tile(pixels)}
    from maskloom.edits.operations import Change

    op = make(document, "main", "brush", [Change(source, {}, patch), Change(target, {}, patch)])
    return project.commit(sample, op, author="ann")


def class_map(project, sample=1):
    labels = project.document(sample, "main").to_labels(project.taxonomy(), "main")
    return labels.class_map


def test_painting_a_class_map_moves_pixels_between_classes(mapped):
    expected = class_map(mapped)
    move(mapped, "car", "tree", (10, 20, 30, 60))
    expected[20:60, 10:30] = 2
    assert np.array_equal(class_map(mapped), expected)
    assert project_form(mapped) == "map"
    with pytest.raises(Conflict, match="someone else"):
        # The same tile, though of other classes: a map has one class a pixel.
        stale = mapped.document(1, "main")
        from maskloom.edits.operations import Change

        patch = {(0, 0): stale.objects["tree"].tiles[0, 0]}
        op = make(stale, "main", "brush", [Change("tree", {}, patch), Change("dog", {}, patch)])
        move(mapped, "dog", "car", (120, 0, 130, 9))
        mapped.commit(1, op, author="bob")


def project_form(project):
    return project.layers()[0].form


def test_a_merge_joins_the_classes_of_a_map_and_its_history(mapped):
    move(mapped, "car", "dog", (10, 20, 30, 60))
    move(mapped, "dog", "tree", (120, 20, 140, 60))
    before = class_map(mapped)
    mapped.migrate(Migration("merge", "car", into="tree"), author="lead")
    now = class_map(mapped)
    keys = [c.key for c in mapped.taxonomy()]
    assert keys == ["dog", "tree"]
    assert np.array_equal(now == 0, before == 1)
    assert np.array_equal(now == 1, (before == 0) | (before == 2))
    assert np.array_equal(now >= 254, before >= 254)
    move(mapped, "tree", "dog", (0, 0, 9, 9))
    now[0:9, 0:9] = 0
    assert np.array_equal(class_map(mapped), now)
    with Project.open(mapped.root) as fresh:
        assert np.array_equal(class_map(fresh), now)


def test_a_new_category_can_be_painted_in_old_maps(mapped):
    move(mapped, "car", "dog", (10, 20, 30, 60))
    expected = class_map(mapped)
    mapped.migrate(Migration("add", name="Fence"), author="lead")
    move(mapped, "car", "fence", (40, 20, 50, 60))
    expected[20:60, 40:50] = 3
    assert np.array_equal(class_map(mapped), expected)


def test_checkpoints_of_equal_documents_are_equal_files(imported, tmp_path):
    edit(imported, CHECKPOINT_OPS)
    (file,) = checkpoint_files(imported)
    with database.read(imported) as connection:
        from maskloom.store.project import documents

        place = documents.find_place(imported, connection, 1, "main")
        held = documents.head(imported, connection, place)
    file.unlink()
    assert checkpoints.save(imported, place, held)
    assert file.exists()


def test_the_newest_two_checkpoints_of_a_sample_stay(imported):
    edit(imported, 2 * CHECKPOINT_OPS)
    elsewhere = {"layer_id": 1, "sample_id": 2, "revision": 9}
    shared = min(checkpoint_files(imported))
    with database.write(imported) as connection:
        connection.execute(schema.checkpoint.insert().values(**elsewhere, sha256=shared.name))
    edit(imported, 3 * CHECKPOINT_OPS, seed=1)
    with database.write(imported) as connection:
        mine = schema.checkpoint.c.sample_id == 1
        found = connection.execute(select(schema.checkpoint.c.revision).where(mine)).scalars()
        assert sorted(found) == [1 + 4 * CHECKPOINT_OPS, 1 + 5 * CHECKPOINT_OPS]
    left = {p for p in imported.layout.blobs.rglob("*") if p.is_file()}
    # One of the old files is another sample's, too.
    assert left == checkpoint_files(imported)
    assert shared in left
    assert len(left) == 3
    assert same(reopened(imported), imported.document(1, "main"))
    assert same(reopened(imported, at=40), replayed(imported, at=40))


def test_a_document_that_is_too_large_is_not_kept(imported, monkeypatch):
    monkeypatch.setattr(checkpoints, "_LARGEST", 100)
    edit(imported, CHECKPOINT_OPS + 1)
    assert kept(imported) == []
    assert not imported.layout.blobs.exists()


def test_names_and_depths_that_no_page_can_keep_stop_nothing(project):
    deep = []
    for _ in range(900):
        deep = [deep]
    odd = {f"{half}k": i for i, half in enumerate("\ud800?\udfff", 1)}
    odd |= {"n": deep, "huge": 10**400}
    rows = Rows.make(Masks.from_dense(np.ones((1, *SIZE), bool)), [0], attributes=(odd,))
    labels = Labels(SIZE, rows=rows)
    project.add(Dataset(project.taxonomy(), project.samples()[:1], lambda s: labels), "main")
    (held,) = project.document(1, "main").objects.values()
    assert [held.attributes[name] for name in ("?k", "?k (2)", "?k (3)")] == [2, 1, 3]
    json.dumps(project.document(1, "main").to_json(), ensure_ascii=False).encode()
    for i in range(CHECKPOINT_OPS + 1):
        document = project.document(1, "main")
        op = make(document, "main", "z", [set_field(document, held.uid, "z", i + 1)])
        project.commit(1, op, author="ann")
    assert kept(project) == [1 + CHECKPOINT_OPS]
    document = project.document(1, "main")
    project.commit(
        1, make(document, "main", "edit", [set_field(document, held.uid, "attributes", {})]),
        author="ann",
    )  # fmt: skip
    assert project.document(1, "main").objects[held.uid].attributes == {}


def test_whatever_goes_wrong_with_a_checkpoint_the_operation_is_accepted(imported, monkeypatch):
    for n, error in enumerate((ValueError("x"), OSError("x"), RecursionError("x"))):

        def failing(*_, error=error):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(checkpoints, "canonical", failing)
            edit(imported, CHECKPOINT_OPS + 1, seed=n)
    assert kept(imported) == []
    edit(imported, 1, seed=9)
    assert len(kept(imported)) == 1


def test_documents_in_memory_are_bounded_by_their_bytes(imported):
    held = []
    for sample in (1, 2, 3):
        with database.read(imported) as connection:
            place = documents.find_place(imported, connection, sample, "main")
            held.append((place.ids, documents.head(imported, connection, place)))
    small = max(one.document.nbytes for _, one in held)
    assert small > 2000
    memory = documents.Documents(largest=2 * small)
    for ids, one in held:
        memory.keep(ids, one)
    assert [memory.find(ids) is not None for ids, _ in held] == [False, True, True]
    tight = documents.Documents(largest=1)
    for ids, one in held:
        tight.keep(ids, one)
    assert [tight.find(ids) is not None for ids, _ in held] == [False, False, True]


def test_a_layer_that_people_start_takes_the_form_of_main(mapped):
    form = mapped.document(1, "main").form
    assert form == mapped.document(1, "by/ann").form == "map"
    document = mapped.document(1, "by/ann")
    key = next(iter(document.objects))
    tiles = {(0, 0): encode_tile(np.eye(256, dtype=bool))}
    op = make(document, "by/ann", "brush", [replace_pixels(document, key, tiles)])
    mapped.commit(1, op, author="ann")
    assert {info.name: info.form for info in mapped.layers()} == {"main": "map", "by/ann": "map"}
    mapped.dataset("by/ann").content_hash()


def test_a_number_that_is_still_to_come_is_refused(imported):
    now = imported.sequence()
    imported.document(1, "main", now)
    with pytest.raises(UsageError, match="no such revision yet"):
        imported.document(1, "main", now + 1)


def test_a_document_is_told_at_any_revision_whatever_came_later(imported):
    """Operations, an import over them, a checkpoint between, another taxonomy."""
    seen = {0: imported.document(1, "gold"), 1: imported.document(1, "main")}
    for i in range(CHECKPOINT_OPS + 2):
        edit(imported, 1, seed=i)
        seen[i + 2] = imported.document(1, "main")
    imported_into(imported, "main", replace=True)
    last = CHECKPOINT_OPS + 4
    seen[last] = imported.document(1, "main")
    edit(imported, 1, seed=1000)
    seen[last + 1] = imported.document(1, "main")
    with Project.open(imported.root, readonly=True) as again:
        for project in (imported, again):
            for revision, document in seen.items():
                told = project.document(1, "main", revision=revision)
                assert told.revision == revision
                assert told == document
    imported.migrate(Migration("add", name="New"), author="ann")
    assert imported.document(1, "main", revision=last + 1) == imported.document(1, "main")
    for wrong in (last + 2, -1, 2**62):
        with pytest.raises(UsageError, match="no such revision"):
            imported.document(1, "main", revision=wrong)
    with pytest.raises(UsageError, match="Give one of them"):
        imported.document(1, "main", 3, revision=1)
