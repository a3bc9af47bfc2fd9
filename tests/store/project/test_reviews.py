"""The review queue of a project: stored whole, read in pages, decided by operations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import insert, select

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.region import Region
from maskloom.core.sample import ImageRef, Sample
from maskloom.edits.gestures import create_object, delete_object, make, set_verdict
from maskloom.edits.operations import inverse, new_id
from maskloom.edits.tiles import masks_to_tiles
from maskloom.errors import DataError, UsageError, WriteError
from maskloom.store.project import Address, Project, database, schema

SIZE = (300, 400)


def region(sample="000000", **changes):
    plain = Region(sample, "missing", "car", None, (1, 2, 30, 40), 99, 0.75, "because", "7", None)
    return replace(plain, **changes)


def stored(project, regions, predicted="elsewhere", at=None):
    return project.add_review(Address(project.root, "main", at), predicted, regions)


def rows_dataset(taxonomy, *boxes, key="000000"):
    """One image of 300 × 400 px with a block per box."""
    masks = np.zeros((len(boxes), *SIZE), bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    labels = Labels(SIZE, rows=Rows.make(Masks.from_dense(masks), [0] * len(boxes)))
    sample = Sample(key, ImageRef(None, SIZE), file_name=f"{key}.png")
    return Dataset(taxonomy, (sample,), lambda s: labels)


def decide(project, item, verdict, author="ann"):
    document = project.document(item.sample_id, "main")
    op = make(document, "main", "verdict", [set_verdict(document, item.id, verdict)])
    return project.commit(item.sample_id, op, author=author), op


def test_a_review_is_kept_with_every_field_of_its_items(project):
    before = project.sequence()
    made = stored(
        project, [region(), region("000002", kind="wrong-class", other="dog", severity=0.5)]
    )
    assert (made.id, made.seq, made.items, made.open) == (1, before + 1, 2, 2)
    assert (made.truth, made.predicted) == ("main", "elsewhere")
    assert project.reviews() == [made]
    items, total = project.review_items(made.id)
    assert total == 2
    first, second = items
    assert (first.id, first.rank, first.sample_id, first.sample) == ("1-1", 1, 1, "000000")
    assert (first.kind, first.category, first.other, first.object) == ("missing", "car", None, None)
    assert (first.x0, first.y0, first.x1, first.y1, first.area) == (1, 2, 30, 40, 99)
    assert (first.score, first.reason, first.verdict) == (0.75, "because", None)
    assert (second.rank, second.sample_id, second.other, second.score) == (2, 3, "dog", 0.5)
    assert project.item("1-2") == second
    with Project.open(project.root, readonly=True) as again:
        assert again.review_items(1) == (items, 2)


def test_reviews_count_up_and_name_layers_with_their_numbers(project):
    stored(project, [region()], at=17)
    stored(project, [], Address(project.root, "model/unet@ab12", 16))
    found = project.reviews()
    assert [(r.id, r.truth, r.predicted, r.items) for r in found] == [
        (1, "main#17", "elsewhere", 1),
        (2, "main", "model/unet@ab12#16", 0),
    ]
    assert project.review_items(2) == ([], 0)


def test_items_come_in_pages_in_the_order_of_their_rank(project):
    made = stored(project, [region(reason=str(i), sample=f"00000{i % 3}") for i in range(25)])
    pages = [project.review_items(made.id, offset=o, limit=10) for o in (0, 10, 20, 30)]
    assert [len(items) for items, _ in pages] == [10, 10, 5, 0]
    assert {total for _, total in pages} == {25}
    assert [i.reason for items, _ in pages for i in items] == [str(i) for i in range(25)]


def test_a_verdict_is_an_operation_and_closes_its_item(project):
    made = stored(project, [region(), region("000001"), region("000002")])
    items, _ = project.review_items(made.id)
    done, op = decide(project, items[1], "kept")
    assert project.item(items[1].id).verdict == "kept"
    left, total = project.review_items(made.id, open_only=True)
    assert ([i.rank for i in left], total) == ([1, 3], 2)
    assert project.review_items(made.id)[1] == 3
    assert project.reviews()[0].open == 2
    with database.read(project) as connection:
        column = select(schema.review_item.c.verdict_seq).where(schema.review_item.c.id == "1-2")
        assert connection.execute(column).scalar() == done.seq
    undo = inverse(op, new_id(), base=done.revision)
    project.commit(items[1].sample_id, undo, author="ann")
    assert project.item(items[1].id).verdict is None
    assert project.reviews()[0].open == 3


def test_a_list_of_open_items_that_is_worked_through_skips_none(project):
    made = stored(project, [region(reason=str(i), sample=f"00000{i % 3}") for i in range(25)])
    decide(project, project.item("1-4"), "kept")
    since = project.sequence()
    wanted = {"open_only": True, "since": since}
    ranks = [rank for rank in range(1, 26) if rank != 4]
    seen = []
    for offset in (0, 10, 20):
        items, total = project.review_items(made.id, offset=offset, limit=10, **wanted)
        assert total == 24
        seen += items
        for one in items:
            decide(project, one, "fixed")
    assert [one.rank for one in seen] == ranks
    assert project.review_items(made.id, open_only=True) == ([], 0)


def test_the_position_of_an_item_is_told_also_where_it_is_not_listed(project):
    made = stored(project, [region(sample=f"00000{i % 3}") for i in range(9)])
    decide(project, project.item("1-2"), "kept")
    since = project.sequence()
    decide(project, project.item("1-3"), "kept")

    def position(rank, **wanted):
        found = project.item_position(made.id, f"1-{rank}", **wanted)
        return found.before, found.listed

    assert position(5) == (4, True)
    assert position(5, open_only=True) == (2, True)
    assert position(3, open_only=True) == (1, False)
    assert position(2, open_only=True, since=since) == (1, False)
    assert position(3, open_only=True, since=since) == (1, True)
    assert position(9, open_only=True, since=since) == (7, True)
    for wrong in ("1-10", "2-1", "", "\0"):
        with pytest.raises(UsageError, match="no such item in the review"):
            project.item_position(made.id, wrong)


def test_a_review_names_a_layer_in_full(project, taxonomy):
    for name in ("main", "model/net@ab12"):
        project.add(rows_dataset(taxonomy, (0, 0, 9, 9)), name, immutable=name != "main")
    made = stored(project, [region()], Address(project.root, "model/net", 3))
    assert (made.truth, made.predicted) == ("main", "model/net@ab12#3")


def test_regions_name_the_object_of_their_side_by_its_uid(project, taxonomy):
    """Untouched snapshots, an edited layer, and data that lies elsewhere."""
    project.add(rows_dataset(taxonomy, (0, 0, 9, 9), (50, 50, 90, 90), (100, 0, 120, 9)), "main")
    project.add(
        rows_dataset(taxonomy, (0, 0, 9, 9), (200, 50, 220, 90)), "model/x@1", immutable=True
    )
    first, second = project.sequence() - 1, project.sequence()
    sides = Address(project.root, "main", second), Address(project.root, "model/x@1", second)
    regions = [region(row=2), region(kind="extra", row=1), region(kind="boundary", row=0), region()]

    def uids(review):
        return [item.object for item in project.review_items(review.id)[0]]

    assert uids(project.add_review(*sides, regions)) == [
        f"{first}-2",
        f"{second}-1",
        f"{first}-0",
        None,
    ]
    assert uids(project.add_review(sides[0], "elsewhere", regions)) == [
        f"{first}-2",
        None,
        f"{first}-0",
        None,
    ]
    document = project.document(1, "main")
    tiles = masks_to_tiles(Masks.from_dense(np.ones(SIZE, bool)))[0]
    changes = [delete_object(f"{first}-0"), create_object("new", tiles, "car")]
    project.commit(1, make(document, "main", "brush", changes), author="ann")
    now = replace(sides[0], at=project.sequence())
    labels = project.dataset("main", now.at).labels_of(project.samples()[0])
    assert len(labels.rows) == 3  # rows 1 and 2 of the snapshot, and the new one
    edited = project.add_review(now, sides[1], [region(row=0), region(row=2), region(row=9)])
    assert uids(edited) == [f"{first}-1", "new", None]
    assert uids(project.add_review(*sides, regions[:1])) == [f"{first}-2"]


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "NUL \0 and \ud800", "日本語 ' \" ; --"]
)
def test_any_text_is_kept_or_made_harmless(project, text):
    made = stored(project, [region(reason=text)], text)
    wanted = text.replace("\0", "?").replace("\ud800", "?")
    assert project.review_items(made.id)[0][0].reason == wanted
    assert project.reviews()[0].predicted == wanted


def test_what_is_not_there_is_named(project):
    stored(project, [region()])
    for wrong in (2, 0, -1, 2**63):
        with pytest.raises(UsageError, match="no such review"):
            project.review_items(wrong)
    for wrong in ("1-2", "", "x", "\0"):
        with pytest.raises(UsageError, match="no such review item"):
            project.item(wrong)
    for options in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"offset": 2**63}):
        with pytest.raises(UsageError, match=r"limit is 1 to 1000|offset is 0 to"):
            project.review_items(1, **options)


def test_a_region_of_an_unknown_sample_stores_nothing(project):
    before = project.sequence()
    with pytest.raises(DataError, match="no such sample in the project"):
        stored(project, [region(), region("nowhere")])
    assert project.reviews() == []
    assert project.sequence() == before


def test_a_project_open_for_reading_takes_no_review(project):
    with (
        Project.open(project.root, readonly=True) as again,
        pytest.raises(WriteError, match="reading only"),
    ):
        stored(again, [region()])
    assert project.reviews() == []


def test_a_failed_transaction_leaves_no_part_of_a_review(project):
    """The item's id is taken: neither the review nor its other items stay."""
    stored(project, [region()])
    with database.write(project) as connection:
        values = {**dict(_row(connection, "1-1")), "id": "2-2", "rank": 99}
        connection.execute(insert(schema.review_item).values(values))
    before = project.sequence()
    with pytest.raises(Exception, match=r"unique|UNIQUE|duplicate"):
        stored(project, [region(), region()])
    assert [r.id for r in project.reviews()] == [1]
    assert project.sequence() == before


def _row(connection, item):
    query = select(schema.review_item).where(schema.review_item.c.id == item)
    return connection.execute(query).mappings().one()


def test_a_page_of_ten_thousand_items_needs_no_look_at_the_others(project):
    """The database's own plan: pages and counts of open items go through indexes."""
    if not project.database.embedded:
        pytest.skip("the plan is read from SQLite; PostgreSQL plans by the size of its tables")
    stored(project, [region(reason=str(i)) for i in range(10_000)])
    of = "FROM review_item WHERE review_id = 1"
    queries = [
        f"SELECT * {of} ORDER BY rank LIMIT 50",
        f"SELECT * {of} AND verdict IS NULL ORDER BY rank LIMIT 50",
        f"SELECT count(*) {of} AND verdict IS NULL",
        f"SELECT * {of} AND (verdict IS NULL OR verdict_seq > 7) ORDER BY rank LIMIT 50",
        f"SELECT count(*) {of} AND (verdict IS NULL OR verdict_seq > 7) AND rank < 900",
    ]
    with database.read(project) as connection:
        for query in queries:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
            plan = " ".join(str(step) for step in steps)
            assert "INDEX" in plan
            assert "review_id=?" in plan
            assert "TEMP B-TREE" not in plan
    items, total = project.review_items(1, offset=9_990, limit=10, open_only=True)
    assert ([i.reason for i in items], total) == ([str(i) for i in range(9_990, 10_000)], 10_000)
