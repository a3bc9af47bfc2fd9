"""A data set in a project: matched, recorded in one transaction, and read back as it was."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.migrations import Migration
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.edits.gestures import create_object, make, set_field
from maskloom.edits.operations import new_uid
from maskloom.edits.tiles import encode_tile
from maskloom.errors import Conflict, DataError, TaxonomyError, UsageError, WriteError
from maskloom.store import files
from maskloom.store.images import write_png
from maskloom.store.project import (
    Project,
    blobs,
    incoming,
    journal,
    parts,
    recording,
    taxonomies,
)
from maskloom.store.project.address import parse_address
from maskloom.store.project.imports import add_samples
from maskloom.store.project.reading import dataset as read

SIZE = (24, 32)
WORDS = Taxonomy(
    (
        Category("car", "Car", ids=(("coco", 3),)),
        Category("road", "Road", "stuff", color=(1, 2, 3)),
        Category("void", "Void", "stuff", void=True),
    ),
    revision=4,
)


@pytest.fixture
def project(tmp_path, project_url):
    """A project without samples and categories, in either database."""
    with Project.create(tmp_path / "p", database=project_url) as made:
        yield made


def rows_of(seed, n=3, size=SIZE, **columns):
    rng = np.random.default_rng(seed)
    masks = Masks.from_dense(rng.random((n, *size)) < 0.3)
    return Labels(size, rows=Rows.make(masks, rng.integers(0, 2, n), **columns))


def map_of(seed, dtype=np.uint8, void=255):
    pixels = np.random.default_rng(seed).choice([0, 1, void, void - 1], SIZE).astype(dtype)
    return Labels(SIZE, class_map=pixels)


def dataset_of(labels, taxonomy=WORDS, *, splits=None, extra=None, **sample):
    samples = tuple(
        Sample(key, ImageRef(None, one.size), file_name=f"{key}.png", **sample)
        for key, one in labels.items()
    )
    return Dataset(
        taxonomy, samples, lambda s: labels[s.key], splits or {}, name="made", extra=extra or {}
    )


def equal(one, two):
    assert one.content_hash() == two.content_hash()
    assert one.taxonomy == two.taxonomy
    assert one.extra == two.extra
    assert list(one.splits.items()) == list(two.splits.items())


def files_of(project):
    places = (project.root / name for name in ("blobs", "snapshots", "predictions", "images"))
    return {p for place in places for p in place.rglob("*") if p.is_file()}


def test_objects_come_back_as_they_were(project):
    drawn = {
        "b": rows_of(1, score=[0.1, np.nan, 1 / 3], source=[{"id": 1, "z": "ü"}, None, {}]),
        "a": rows_of(2, 0),
        "c": rows_of(3, 5, z_order=range(5), crowd=[1, 0, 0, 0, 1], author=["ann"] * 5),
    }
    source = dataset_of(
        drawn,
        splits={"val": ("c", "b"), "train": ("a",), "empty": ()},
        extra={"coco": {"heads": {"": {"info": 1}}}},
        group="g",
        tags={"site": "x"},
    )
    added = project.add(source, "main")
    assert (added.samples, added.new_samples, added.objects, added.sequence) == (3, 3, 8, 3)
    assert added.warnings == ("3 of 3 images are missing, first 'a'",)
    back = project.dataset()
    equal(back, source)
    assert [s.key for s in back.samples] == ["a", "b", "c"]
    assert {s.key: s for s in back.samples} == {s.key: s for s in source.samples}
    assert back.labels_of(back.samples[1]).rows.source == ({"id": 1, "z": "ü"}, None, {})
    assert back.labels_of(back.samples[0]).layer == "main"


@pytest.mark.parametrize(("dtype", "void"), [(np.uint8, 255), (np.uint16, 65535)])
def test_class_maps_come_back_as_they_were(project, dtype, void):
    confidence = np.random.default_rng(9).integers(0, 256, SIZE, dtype=np.uint8)
    maps = {"a": map_of(1, dtype, void), "b": map_of(2, dtype, void).replace(confidence=confidence)}
    source = dataset_of(maps)
    assert project.add(source, "main").objects == 0
    back = project.dataset()
    equal(back, source)
    found = back.labels_of(back.samples[1])
    assert found.class_map.dtype == dtype
    assert np.array_equal(found.confidence, confidence)
    assert [info.form for info in project.layers()] == ["map"]
    # Two classes and void, as its document counts them.
    held = project.document("a", "main").objects.values()
    assert project.sample("a").objects == sum(bool(one.tiles) for one in held) == 3


def test_equal_maps_are_kept_once(project):
    project.add(dataset_of({key: map_of(1) for key in "abc"}), "main")
    assert len([p for p in files_of(project) if "blobs" in p.parts]) == 1


AREA = Masks.from_dense(np.eye(*SIZE, dtype=bool))


@pytest.mark.parametrize(
    "coverage",
    [
        Coverage(nothing=True),
        Coverage(frozenset({"road", "car"})),
        Coverage(area=AREA),
        Coverage(frozenset({"road"}), AREA),
    ],
)
@pytest.mark.parametrize("made", [rows_of, map_of], ids=["rows", "map"])
def test_what_was_looked_for_is_kept(project, coverage, made):
    source = dataset_of({"a": made(0).replace(coverage=coverage, extra={"note": [1, "é"]})})
    project.add(source, "main")
    back = project.dataset()
    equal(back, source)
    found = back.labels_of(back.samples[0])
    assert found.coverage.categories == coverage.categories
    assert (found.coverage.area is None) == (coverage.area is None)
    assert found.extra == {"note": [1, "é"]}


def test_slices_of_a_volume_are_kept(project):
    pixels = np.random.default_rng(0).integers(0, 2, (5, 6, 7)).astype(np.uint8)
    source = dataset_of({"ct": Labels((5, 6, 7), class_map=pixels)}, kind="volume")
    project.add(source, "main")
    back = project.dataset()
    equal(back, source)
    assert back.samples[0].image.size == (5, 6, 7)


def test_a_second_import_adds_categories_and_keeps_the_first_ones(project):
    project.add(dataset_of({"a": rows_of(1)}), "main")
    before = project.dataset().content_hash()
    more = Taxonomy.from_names(["tree", "car"])
    drawn = rows_of(2)
    project.add(dataset_of({"b": drawn}, more), "main")
    back = project.dataset()
    assert [c.key for c in back.taxonomy] == ["car", "road", "void", "tree"]
    assert back.taxonomy.revision == 4
    found = back.labels_of(back.samples[1]).rows.category
    assert found.tolist() == [{0: 3, 1: 0}[c] for c in drawn.rows.category.tolist()]
    assert project.dataset(at=3).content_hash() == before
    assert [s.key for s in project.dataset(at=3).samples] == ["a"]
    with pytest.raises(DataError, match="no taxonomy"):
        project.dataset(at=0)


def test_an_import_keeps_both_spellings_and_people_make_no_second_one(project):
    both = Taxonomy.from_names(["Lorry", "lorry", "人", "车"])
    project.add(dataset_of({"a": rows_of(1, 2)}, both), "main")
    assert [c.name for c in project.taxonomy()] == ["Lorry", "lorry", "人", "车"]
    for change in (
        Migration("add", name="LORRY"),
        Migration("rename", "class", "Lorry "),
        Migration("split", "class", names=("x", "lorry")),
        Migration("split", "class", names=("x", "X")),
        Migration("add", categories=(Category("n", "LORRY"),)),
    ):
        with pytest.raises(TaxonomyError, match="share a name"):
            project.migrate(change, author="ann")
    other = Taxonomy.from_names(["lorry", "车", "猫"])
    project.add(dataset_of({"b": rows_of(2, 1)}, other), "main")
    assert [c.name for c in project.taxonomy()] == ["Lorry", "lorry", "人", "车", "猫"]
    found = project.dataset().labels_of(project.dataset().samples[1]).rows.category
    drawn = rows_of(2, 1).rows.category
    assert found.tolist() == [{0: 1, 1: 3}[c] for c in drawn.tolist()]
    renamed = project.migrate(Migration("rename", "lorry-2", "van"), author="ann")
    taxonomies.undo(project, renamed.seq, author="ann")
    assert project.taxonomy().find("lorry") == 1
    project.migrate(Migration("merge", "lorry-2", into="lorry"), author="ann")
    project.add(dataset_of({"c": rows_of(3, 1)}, both), "main")
    assert [c.name for c in project.taxonomy()] == ["Lorry", "人", "车", "猫"]
    loose = project.add(dataset_of({"d": rows_of(4, 1)}, Taxonomy.from_names(["LORRY"])), "main")
    assert "as the project spells it: 'LORRY' is 'Lorry'" in loose.warnings
    assert len(project.taxonomy()) == 4


def test_class_maps_follow_a_taxonomy_that_was_reordered_and_merged(project):
    pixels = np.array([[0, 1, 255, 254]], np.uint8)
    source = dataset_of({"a": Labels((1, 4), class_map=pixels)})
    project.add(source, "main")
    project.migrate(Migration("reorder", keys=("road", "void", "car")), author="ann")
    assert next(iter(project.dataset()))[1].class_map.tolist() == [[2, 0, 255, 254]]
    project.migrate(Migration("merge", "car", into="road"), author="ann")
    assert next(iter(project.dataset()))[1].class_map.tolist() == [[0, 0, 255, 254]]
    assert project.dataset(at=3).content_hash() == source.content_hash()
    again = dataset_of({"b": Labels((1, 4), class_map=pixels)})
    added = project.add(again, "main")
    assert added.warnings[0] == "car and road are one category of the project, road"
    assert project.dataset().taxonomy.keys == ("road", "void")
    assert [one.class_map.tolist() for _, one in project.dataset()] == [[[0, 0, 255, 254]]] * 2


def test_rows_follow_a_taxonomy_that_was_merged(project):
    drawn = rows_of(1, 6)
    project.add(dataset_of({"a": drawn}), "main")
    project.migrate(Migration("merge", "car", into="road"), author="ann")
    assert set(next(iter(project.dataset()))[1].rows.category.tolist()) == {0}
    assert project.dataset(at=3).content_hash() == dataset_of({"a": drawn}).content_hash()


def test_void_does_not_become_a_class_nor_a_class_void(project):
    project.add(dataset_of({"a": rows_of(1)}), "main")
    seen = Taxonomy((Category("x", "void"),))
    with pytest.raises(TaxonomyError, match="void in the data and not"):
        project.add(dataset_of({"b": rows_of(2, 0)}, seen), "main")


def test_a_key_that_no_document_can_hold_is_made_anew(project):
    long = "a very " * 12 + "long name"
    words = Taxonomy.from_names([long, "b"])
    project.add(dataset_of({"a": rows_of(1)}, words), "main")
    keys = project.taxonomy().keys
    assert [c.name for c in project.taxonomy()] == [long, "b"]
    assert all(len(key) <= 64 for key in keys)


def brushed(project, key, uid=None):
    """A person draws one object."""
    document = project.document(key, "main")
    tile = np.zeros((256, 256), bool)
    tile[2:5, 3:9] = True
    change = create_object(uid or new_uid(), {(0, 0): encode_tile(tile)}, "car")
    return project.commit(key, make(document, "main", "brush", [change]), author="ann")


def test_what_people_drew_lies_over_the_snapshot(project):
    project.add(dataset_of({"a": rows_of(1), "b": rows_of(2)}), "main")
    opened = project.dataset()
    done = brushed(project, "a")
    now = project.dataset()
    assert [len(labels.rows) for _, labels in now] == [4, 3]
    assert [labels.revision for _, labels in now] == [2, 1]
    assert [len(labels.rows) for _, labels in opened] == [3, 3]
    assert [len(labels.rows) for _, labels in project.dataset(at=done.seq - 1)] == [3, 3]
    assert now.labels_of(now.samples[0]).rows.masks[3].dense(0).sum() == 18


def test_a_sample_that_only_people_labelled_is_in_the_data_set(project):
    project.add(dataset_of({"a": rows_of(1)}), "main")
    project.add(dataset_of({"b": rows_of(2)}), "gold")
    assert [s.key for s in project.dataset().samples] == ["a"]
    brushed(project, "b")
    found = {s.key: labels for s, labels in project.dataset()}
    assert {key: len(labels.rows) for key, labels in found.items()} == {"a": 3, "b": 1}
    assert found["b"].coverage.nothing


def test_people_s_work_is_not_imported_over_unless_asked(project):
    project.add(dataset_of({"a": rows_of(1), "b": rows_of(2)}), "main")
    done = brushed(project, "a")
    drawn = project.dataset().content_hash()
    again = dataset_of({"a": rows_of(7), "c": rows_of(8)})
    with pytest.raises(UsageError, match=r"1 of 2 samples .* 1 of them edited by people"):
        project.add(again, "main")
    assert project.dataset().content_hash() == drawn
    project.add(again, "main", replace=True)
    row = project.sample("a")
    assert (row.revision, row.objects, row.author, row.state) == (3, 3, "import", "todo")
    assert project.dataset(at=done.seq).content_hash() == drawn
    assert len(project.operations("a", "main")) == 1
    assert project.document("a", "main", done.seq).revision == 2
    assert project.document("a", "main").revision == 3
    brushed(project, "a")
    assert project.sample("a").revision == 4
    assert [len(labels.rows) for _, labels in project.dataset()] == [4, 3, 3]


def test_an_operation_that_comes_during_an_import_is_not_buried(project, monkeypatch):
    project.add(dataset_of({"a": rows_of(1)}), "main")
    labels = rows_of(2)

    def drawing(sample):
        brushed(project, sample.key)
        return labels

    images = dataset_of({"b": labels})
    project.add(images, "gold")
    source = dataclasses.replace(dataset_of({"b": labels}), labels_of=drawing)
    with pytest.raises(UsageError, match="edited by people"):
        project.add(source, "main")
    assert len(project.document("b", "main").objects) == 1
    assert project.sample("b").revision == 1


def test_a_taxonomy_that_changes_during_an_import_stops_it(project):
    project.add(dataset_of({"a": rows_of(1)}), "main")
    labels = rows_of(2)

    def naming(sample):
        project.migrate(Migration("add", name="tree"), author="ann")
        return labels

    words = Taxonomy.from_names(["tree", "car"])
    source = dataclasses.replace(dataset_of({"b": labels}, words), labels_of=naming)
    files = files_of(project)
    with pytest.raises(WriteError, match="taxonomy was changed"):
        project.add(source, "main")
    assert files_of(project) == files
    assert len(project.samples()) == 1


def test_a_failure_in_the_middle_leaves_nothing(project):
    def failing(sample):
        if sample.key == "c":
            raise DataError("damaged")
        return map_of(ord(sample.key))

    source = dataset_of({key: map_of(0) for key in "abcd"})
    with pytest.raises(DataError, match="damaged"):
        project.add(dataclasses.replace(source, labels_of=failing), "main")
    assert files_of(project) == set()
    assert project.sequence() == 1
    assert project.samples() == ()
    assert not (project.root / journal.JOURNAL).exists()


def test_files_of_a_killed_import_are_removed_by_the_next(project):
    project.add(dataset_of({"a": map_of(1)}), "main")
    files = files_of(project)
    stray = [
        project.root / name
        for name in ("snapshots/main/x.parquet", "snapshots/main/.x.parquet.partial",
                     "blobs/ab/abcd", "images/deep/er/a.png", "images/.b.png.77.partial")
    ]  # fmt: skip
    others = project.root / "images/mine.png"
    for path in (*stray, others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    noted = [
        "snapshots/main/x.parquet", "blobs/ab/abcd", "images/deep/er/a.png", "images/b.png",
        "../outside", "/etc/passwd", *(p.relative_to(project.root).as_posix() for p in files),
    ]  # fmt: skip
    lines = "".join(f'"{name}"\n' for name in noted) + '"cut o'
    (project.root / journal.JOURNAL).write_text(lines)
    (project.root.parent / "outside").write_text("x")
    project.add(dataset_of({"b": map_of(2)}), "main")
    assert not any(path.exists() for path in stray)
    assert files <= files_of(project)
    assert others.exists()
    assert (project.root.parent / "outside").exists()
    assert not (project.root / "images/deep").exists()


def test_a_split_stays_unless_it_is_replaced(project):
    drawn = {key: rows_of(ord(key)) for key in "abc"}
    project.add(dataset_of(drawn, splits={"train": ("b", "a"), "val": ("c",)}), "main")
    project.add(dataset_of(drawn, splits={"val": ("a", "b", "c")}), "gold")
    assert dict(project.splits()) == {"train": ("b", "a"), "val": ("c",)}
    project.add(dataset_of(drawn, splits={"val": ("a", "c")}), "main", replace=True)
    assert dict(project.splits()) == {"train": ("b",), "val": ("a", "c")}


def test_a_layer_has_the_splits_of_its_samples(project):
    drawn = {key: rows_of(ord(key)) for key in "abc"}
    source = dataset_of(drawn, splits={"val": ("c",), "train": ("a", "b"), "test": ()})
    project.add(source, "main")
    project.add(dataset_of({"b": drawn["b"]}), "gold")
    assert list(project.dataset().splits) == ["val", "train", "test"]
    gold = project.dataset("gold")
    assert dict(gold.splits) == {"train": ("b",)}
    assert len(gold.split("train")) == 1


def test_layers_of_one_project_do_not_mix(project):
    project.add(dataset_of({"a": rows_of(1), "b": rows_of(2)}), "main")
    project.add(dataset_of({"b": map_of(3), "c": map_of(4)}), "model/net@ab", immutable=True)
    equal(project.dataset("main"), dataset_of({"a": rows_of(1), "b": rows_of(2)}))
    machine = dataset_of({"b": map_of(3), "c": map_of(4)})
    equal(project.dataset("model/net@ab"), machine)
    assert len(project.dataset("by/ann").samples) == 0
    everything = read(project, "main", unlabelled=True)
    assert [labels.coverage.nothing for _, labels in everything] == [False, False, True]
    with pytest.raises(UsageError, match="no such layer"):
        project.dataset("model/other@ab")
    with pytest.raises(UsageError, match="cannot become one of a machine"):
        project.add(dataset_of({"c": rows_of(3)}), "main", immutable=True)


def test_a_sample_keeps_what_is_known_of_it(project, tmp_path):
    first = Sample(
        "a",
        ImageRef(tmp_path / "none.tif", SIZE, channels=("red", "nir"), spacing=(0.5, 0.25),
                 unit="um", affine=((1.0, 0.0, 5.0), (0.0, 1.0, 6.0), (0.0, 0.0, 1.0)),
                 crs="EPSG:4326"),
        kind="frame", sequence="s", index=7, time_s=0.1, group="g", tags={"day": "2"},
        file_name="x/a.tif", extra={"coco": {"id": 12, "odd": [1, None, "é"]}},
    )  # fmt: skip
    labels = rows_of(1)
    source = Dataset(WORDS, (first,), lambda s: labels)
    project.add(source, "main")
    (back,) = project.dataset().samples
    assert back == first
    assert back.image.path == tmp_path / "none.tif"


@pytest.mark.parametrize("key", ["../x", "/etc/x", "a/../../b", "", "a\0b", "..\\x"])
def test_a_key_that_leads_astray_is_refused(project, key):
    labels = rows_of(1)
    source = Dataset(WORDS, (Sample(key, ImageRef(None, SIZE)),), lambda s: labels)
    with pytest.raises(DataError):
        project.add(source, "main")
    assert project.samples() == ()
    assert files_of(project) == set()


def test_objects_and_class_maps_do_not_mix_in_one_import(project):
    with pytest.raises(DataError, match="class maps and others objects"):
        project.add(dataset_of({"a": rows_of(1), "b": map_of(2)}), "main")
    assert files_of(project) == set()


def test_a_map_with_a_class_that_nobody_named_is_refused(project):
    pixels = np.full(SIZE, 9, np.uint8)
    with pytest.raises(DataError, match="taxonomy of 3 lacks"):
        project.add(dataset_of({"a": Labels(SIZE, class_map=pixels)}), "main")
    with pytest.raises(DataError, match="nothing to import"):
        project.add(dataset_of({}), "main")


def test_a_damaged_blob_is_one_error(project):
    project.add(dataset_of({"a": map_of(1)}), "main")
    (blob,) = (p for p in files_of(project) if "blobs" in p.parts)
    blob.write_bytes(blob.read_bytes()[:-20])
    with pytest.raises(DataError, match="damaged"):
        project.dataset().content_hash()


def test_a_data_set_outlives_its_project_and_closes_what_it_opened(tmp_path):
    import gc

    with Project.create(tmp_path / "p") as project:
        project.add(dataset_of({"a": rows_of(1)}), "main")
        brushed(project, "a")
        opened = project.dataset()
    assert len(opened.labels_of(opened.samples[0]).rows) == 4
    del opened
    gc.collect()
    with (
        pytest.raises(WriteError, match="reading only"),
        Project.open(tmp_path / "p", readonly=True) as closed,
    ):
        closed.add(dataset_of({"b": rows_of(1)}), "main")


def test_an_image_that_is_another_file_is_told_and_the_first_one_stays(project, tmp_path):
    labels = rows_of(1, size=(4, 4))
    for folder, value in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        write_png(tmp_path / folder / "a.png", np.full((4, 4), value, np.uint8))
    first, second = (
        Dataset(WORDS, (Sample("a", ImageRef(tmp_path / folder / "a.png")),), lambda s: labels)
        for folder in ("one", "two")
    )
    assert project.add(first, "main").warnings == ()
    (warning,) = project.add(second, "gold", copy=True).warnings
    assert warning.startswith("1 of 1 images are other files than the project has")
    assert project.image_path("a") == tmp_path / "one/a.png"
    absent = Dataset(WORDS, (Sample("a", ImageRef(None)),), lambda s: labels)
    assert project.add(absent, "by/ann").warnings == ()


def test_splits_are_those_of_their_number(project):
    drawn = {key: rows_of(ord(key)) for key in "abc"}
    first = project.add(dataset_of(drawn, splits={"train": ("a", "b")}), "main").sequence
    then = project.dataset(at=first)
    project.add(dataset_of(drawn, splits={"val": ("c",), "test": ("a",)}), "gold")
    project.add(dataset_of(drawn, splits={"val": ("a",)}), "gold", replace=True)
    again = project.dataset(at=first)
    equal(again, then)
    assert dict(again.splits) == {"train": ("a", "b")}
    assert dict(project.dataset().splits) == {"train": ("b",), "val": ("c", "a")}


def test_work_that_is_imported_over_is_told_and_can_be_read(project):
    project.add(dataset_of({key: rows_of(1) for key in "abc"}), "main")
    brushed(project, "a")
    held = project.document("b", "main")
    project.commit("b", make(held, "main", "state", [set_field(held, "", "state", "done")]),
                   author="ann")  # fmt: skip
    drawn = project.dataset().content_hash()
    added = project.add(dataset_of({key: rows_of(2) for key in "abc"}), "main", replace=True)
    assert added.superseded == 2
    (told,) = [line for line in added.warnings if "people edited" in line]
    assert "2 samples" in told
    address = parse_address(told.rpartition(" ")[2])
    assert (address.root, address.layer) == (project.root, "main")
    assert project.dataset(address.layer, address.at).content_hash() == drawn
    # They are told of once: now the import is what the layer says.
    assert project.add(dataset_of({"a": rows_of(3)}), "main", replace=True).superseded == 0


def test_nothing_is_imported_over_what_came_during_the_import(project):
    project.add(dataset_of({"a": rows_of(1), "b": rows_of(1)}), "main")
    labels = rows_of(2)

    def drawing(sample):
        if sample.key == "b":
            brushed(project, "a")
        return labels

    source = dataclasses.replace(dataset_of({"a": labels, "b": labels}), labels_of=drawing)
    files = files_of(project)
    with pytest.raises(Conflict, match="changed 1 of these samples during the import"):
        project.add(source, "main", replace=True)
    assert files_of(project) == files
    assert project.sample("a").objects == 4
    assert project.sample("b").revision == 1


def images_in(folder, *names, value=1):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        write_png(folder / f"{name}.png", np.full((4, 4), value, np.uint8))
    return tuple(
        Sample(name, ImageRef(folder / f"{name}.png"), file_name=f"{name}.png") for name in names
    )


def test_a_failed_copy_leaves_the_owner_s_image_where_it_lies(project, tmp_path):
    mine = project.root / "images/a.png"
    images_in(mine.parent, "a", value=7)
    before = mine.read_bytes()
    with pytest.raises(DataError, match="another image has this name"):
        add_samples(project, images_in(tmp_path / "other", "a"), copy=True)
    assert mine.read_bytes() == before
    # Neither does a failure later on.
    labels = rows_of(1, size=(4, 4))
    same = images_in(tmp_path / "same", "a", value=7)
    new = images_in(tmp_path / "same", "b")

    def failing(sample):
        if sample.key == "b":
            raise DataError("damaged")
        return labels

    with pytest.raises(DataError, match="damaged"):
        project.add(Dataset(WORDS, (*same, *new), failing), "main", copy=True)
    assert files_of(project) == {mine}


@pytest.mark.parametrize("length", [10, 60])
def test_what_cannot_be_read_is_not_copied_and_is_taken_when_mended(project, tmp_path, length):
    found = images_in(tmp_path / "src", "a", "b")
    image = tmp_path / "src/b.png"
    sound = image.read_bytes()
    image.write_bytes(sound[:length])
    labels = rows_of(1, size=(4, 4))
    source = Dataset(WORDS, found, lambda s: labels)
    assert "damaged" in " ".join(project.add(source, "main", copy=True).warnings)
    assert {p.name for p in files_of(project) if p.suffix == ".png"} == {"a.png"}
    image.write_bytes(sound)
    assert project.add(source, "gold", copy=True).warnings == ()
    assert project.image_path("b") == project.root / "images/b.png"
    assert project.image_path("b").read_bytes() == sound


def test_bare_images_that_are_mended_can_be_added(project, tmp_path):
    found = images_in(tmp_path / "src", "a", "b")
    image = tmp_path / "src/b.png"
    sound = image.read_bytes()
    image.write_bytes(sound[:10])
    added = add_samples(project, found, copy=True)
    assert (added.samples, len(added.failures)) == (1, 1)
    assert [p.name for p in files_of(project)] == ["a.png"]
    image.write_bytes(sound)
    assert add_samples(project, found, copy=True).new_samples == 1
    assert project.image_path("b").read_bytes() == sound


def test_new_folders_last_before_anything_in_them_is_named(project, tmp_path, monkeypatch):
    synced, named = [], []
    for module in (files, blobs, parts, incoming):
        monkeypatch.setattr(module, "sync_folder", synced.append)
    record = recording.record

    def noting(*given):
        named.extend(synced)
        return record(*given)

    monkeypatch.setattr(recording, "record", noting)
    (found,) = images_in(tmp_path / "src", "a")
    found = dataclasses.replace(found, key="deep/a")
    pixels = np.zeros((4, 4), np.uint8)
    project.add(Dataset(WORDS, (found,), lambda s: Labels((4, 4), class_map=pixels)), "main",
                copy=True)  # fmt: skip
    root = project.root
    wanted = {root, root / "images", root / "images/deep", root / "snapshots",
              root / "snapshots/main", root / "blobs"}  # fmt: skip
    assert wanted <= set(named)
    assert any(folder.parent == root / "blobs" for folder in named)
