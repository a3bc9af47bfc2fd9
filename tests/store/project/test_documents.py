"""Checkpoints and the memory of documents: only caches, which change nothing."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from sqlalchemy import select

from maskloom.core.dataset import Dataset
from maskloom.core.document import Document
from maskloom.core.gestures import (
    create_object,
    delete_object,
    make,
    replace_pixels,
    set_field,
)
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.migrations import Migration
from maskloom.core.tiles import encode_tile
from maskloom.errors import Conflict
from maskloom.store.project import Project, checkpoints, database, schema
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
    from maskloom.core.operations import Change

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
        from maskloom.core.operations import Change

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
