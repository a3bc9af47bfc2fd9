from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from maskloom.core.sample import ImageRef, Sample
from maskloom.errors import DataError, UsageError
from maskloom.store.project import database, pages, samples, splits


def add(project, *given):
    with database.write(project) as connection:
        return samples.add(connection, project.layout, given)


FULL = Sample(
    "drive/a b/000001",
    ImageRef(
        Path("/elsewhere/x.tif"),
        (7, 300, 400),
        "ab" * 32,
        ("red", "nir"),
        (2.5, 0.5, 0.5),
        "mm",
        ((1.0, 0.0), (0.0, 1.0)),
        "EPSG:25832",
    ),
    kind="volume",
    sequence="seq 1",
    index=2**40,
    time_s=1.25,
    group="drive",
    tags={"site": "Ü", "b": "2"},
    file_name="a b/000001.tif",
    extra={"nested": [1, {"x": None}], "nan": math.inf, "nul": "\0", "half": "\ud800"},
)


def test_samples_come_back_field_by_field_in_the_order_in_which_they_came(project):
    bare = Sample("a", ImageRef(None))
    placed = add(project, FULL, bare)
    assert placed == samples.Placed({FULL.key: 4, "a": 5}, 2)
    assert project.samples()[3:] == (FULL, bare)
    with database.read(project) as connection:
        assert list(samples.ids_by_key(connection).items())[3:] == [(FULL.key, 4), ("a", 5)]


def test_a_sample_that_is_there_learns_what_was_not_known(project):
    add(project, Sample("x", ImageRef(None), file_name="x.png"))
    image = ImageRef(project.root.parent / "x.png", (3, 4), sha256="cd" * 32)
    placed = add(project, Sample("x", image, group="g"), Sample("y", ImageRef(None)))
    assert placed.new == 1
    assert project.samples()[3] == Sample("x", image, group="g", file_name="x.png")
    add(project, Sample("x", ImageRef(Path("/other/x.png"), (3, 4)), group="h"))
    assert project.samples()[3].group == "g"
    assert project.image_path("x") == project.root.parent / "x.png"


def test_a_sample_keeps_the_tags_of_every_import(project):
    add(project, Sample("x", ImageRef(None), tags={"site": "north"}, extra={"via": {"size": 3}}))
    more = Sample("x", ImageRef(None), tags={"site": "south", "night": "true"}, extra={"cvat": {}})
    add(project, more)
    found = project.samples()[3]
    assert dict(found.tags) == {"site": "north", "night": "true"}
    assert found.extra == {"via": {"size": 3}, "cvat": {}}


def test_a_sample_of_another_size_is_refused_and_nothing_is_added(project):
    with pytest.raises(DataError, match=r"another width.*401, it has 400"):
        add(project, Sample("new", ImageRef(None)), Sample("000001", ImageRef(None, (300, 401))))
    assert project.page()[1] == 3


@pytest.mark.parametrize("key", ["", "a\0b", "a\udc80", "x" * 1025])
def test_a_key_that_cannot_be_kept_is_refused(project, key):
    with pytest.raises(DataError, match="cannot be kept"):
        add(project, Sample(key, ImageRef(None)))


@pytest.mark.parametrize("size", [(0, 4), (4,), (3, 2**31), (-1, 3), (1, 2, 3, 4)])
def test_a_size_that_cannot_be_is_refused(project, size):
    with pytest.raises(DataError, match="not the size"):
        add(project, Sample("x", ImageRef(None, size)))


def test_an_index_that_cannot_be_is_refused(project):
    with pytest.raises(DataError, match="not the index"):
        add(project, Sample("x", ImageRef(None), index=2**63))


def test_numbers_of_numpy_are_numbers(project):
    image = ImageRef(None, tuple(np.array([3, 4])), spacing=tuple(np.array([0.5, 2.0])))
    add(project, Sample("x", image, index=np.int64(3), time_s=np.float32(0.5)))
    found = project.samples()[3]
    assert (found.image.size, found.image.spacing) == ((3, 4), (0.5, 2.0))
    assert (found.index, found.time_s) == (3, 0.5)


@pytest.mark.parametrize(
    ("place", "uri"),
    [
        ("project/images/a.png", "images/a.png"),
        ("images/a.png", "../images/a.png"),
        ("project2/a.png", "../project2/a.png"),
        ("x/../images/a.png", "../images/a.png"),
    ],
)
def test_images_beside_the_project_are_named_relative_to_it(project, place, uri):
    beside = project.root.parent
    assert project.layout.uri_of(beside / place) == uri
    assert project.layout.path_of(uri) == (beside / place).parent.resolve() / "a.png"


def test_images_elsewhere_are_named_absolutely(project):
    assert project.layout.uri_of(Path("/elsewhere/a.png")) == "/elsewhere/a.png"
    assert project.layout.path_of("/elsewhere/a.png") == Path("/elsewhere/a.png")


@pytest.mark.parametrize("name", [0, -1, 4, 2**63 - 1, 2**63, 2**200, "none", "", "a\0", "\udc80"])
def test_an_unknown_sample_is_one_clear_error(project, name):
    for ask in (project.sample, project.image_path, lambda n: project.document(n, "main")):
        with pytest.raises(UsageError, match="no such sample"):
            ask(name)


def test_a_sample_without_an_image_has_no_path(project):
    add(project, Sample("x", ImageRef(None)))
    with pytest.raises(DataError, match="was not there"):
        project.image_path("x")


def test_an_import_says_anew_which_splits_its_samples_are_in(project):
    with database.write(project) as connection:
        first = database.next_seq(connection)
        splits.put(connection, {"train": [3, 1], "val": [2]}, first)
    assert project.splits() == {"train": ("000002", "000000"), "val": ("000001",)}
    with database.write(project) as connection:
        splits.put(connection, {"val": [3, 3], "test": []}, database.next_seq(connection))
    assert project.splits() == {"train": ("000000",), "val": ("000001", "000002")}
    assert project.sample(3).splits == ("val",)
    with database.write(project) as connection:
        splits.put(connection, {"train": [3]}, database.next_seq(connection))
    assert project.splits() == {"train": ("000000", "000002"), "val": ("000001",)}
    assert project.splits(first - 1) == {}
    assert project.splits(first) == {"train": ("000002", "000000"), "val": ("000001",)}
    assert project.splits(first + 1) == {"train": ("000000",), "val": ("000001", "000002")}


@pytest.fixture
def states(project, add_samples):
    """100 more samples: 10, 20, ... are done, 11, 21, ... doing; even ones are in a split."""
    add_samples(project, 97, first=3)
    with database.write(project) as connection:
        layer = connection.execute(text("SELECT id FROM layer")).scalar()
        for id_ in range(1, 101):
            if id_ % 10 < 2:
                connection.execute(
                    text(
                        "INSERT INTO head VALUES"
                        " (:layer, :id, :id, :id, :state, 2, 'ann', '2026-01-01')"
                    ),
                    {"layer": layer, "id": id_, "state": ("done", "doing")[id_ % 10]},
                )
        splits.put(connection, {"even": range(100, 0, -2)}, 1)
    return project


def ids(answer):
    rows, total = answer
    assert len({row.id for row in rows}) == len(rows)
    return [row.id for row in rows], total


DOING, DONE = list(range(1, 100, 10)), list(range(10, 101, 10))
UNTOUCHED = [i for i in range(1, 101) if i % 10 > 1]
EVEN = list(range(100, 0, -2))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, list(range(1, 101))),
        ({"state": "todo"}, UNTOUCHED),
        ({"state": "doing"}, DOING),
        ({"state": "done"}, DONE),
        ({"split": "even"}, EVEN),
        ({"split": "none"}, []),
        ({"split": "even", "state": "done"}, [i for i in EVEN if i in DONE]),
        ({"split": "even", "state": "doing"}, []),
        ({"split": "even", "state": "todo"}, [i for i in EVEN if i in UNTOUCHED]),
        ({"search": "00009"}, [10, *range(91, 101)]),
        ({"search": "00009", "state": "done"}, [10, 100]),
        ({"search": "9", "split": "even", "state": "todo"}, [i for i in EVEN if i in UNTOUCHED and "9" in str(i - 1)]),
        ({"search": "%"}, []),
        ({"search": "_"}, []),
        ({"search": "\\"}, []),
        ({"search": "\0"}, []),
        ({"search": "\ud800"}, []),
        ({"split": "\ud800"}, []),
        ({"layer": "gold", "state": "todo"}, list(range(1, 101))),
        ({"layer": "gold", "state": "done"}, []),
    ],
)  # fmt: skip
def test_a_page_holds_the_samples_that_are_wanted(states, wanted, expected):
    assert ids(states.page(**wanted)) == (expected, len(expected))
    assert ids(states.page(**wanted, offset=3, limit=5)) == (expected[3:8], len(expected))
    assert ids(states.page(**wanted, offset=len(expected))) == ([], len(expected))


# The last change of sample N of `states` has the number N.
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"state": "todo"}, sorted([*UNTOUCHED, *(i for i in DOING + DONE if i > 50)])),
        ({"state": "doing"}, sorted([*DOING, *(i for i in DONE if i > 50)])),
        ({"state": "done"}, sorted([*DONE, *(i for i in DOING if i > 50)])),
        ({"state": "doing", "search": "00009"}, [91, 100]),
        ({"state": "doing", "split": "even"}, [i for i in EVEN if i in DONE and i > 50]),
        ({"state": "todo", "split": "even"}, [i for i in EVEN if i in UNTOUCHED or i > 50]),
        ({"split": "even"}, EVEN),
        ({}, list(range(1, 101))),
    ],
)
def test_what_changed_since_a_number_stays_in_the_list(states, wanted, expected):
    assert ids(states.page(**wanted, since=50)) == (expected, len(expected))
    assert ids(states.page(**wanted, since=50, offset=4, limit=5)) == (expected[4:9], len(expected))
    assert states.page(**wanted, since=10**9) == states.page(**wanted)
    for id_ in range(1, 101):
        told = states.position(id_, **wanted, since=50)
        assert told.listed == (id_ in expected)
        if told.listed:
            assert told.before == expected.index(id_)


def test_the_position_of_a_sample_is_told_also_where_it_is_not_listed(states):
    assert states.position(47, state="done") == pages.Position(4, listed=False)
    assert states.position(50, state="done") == pages.Position(4, listed=True)
    assert states.position(50, state="todo") == pages.Position(40, listed=False)
    assert states.position(95, state="todo", search="9") == pages.Position(3, listed=True)
    assert states.position(999) == pages.Position(100, listed=False)
    assert states.position(7, split="even") == pages.Position(0, listed=False)
    assert states.position(7, search="\0") == pages.Position(0, listed=False)


def test_a_page_tells_where_samples_stand(states):
    rows, _ = states.page(limit=3)
    assert rows[0] == pages.SampleRow(1, "000000", 300, 400, "doing", 2, 1, (), "2026-01-01", "ann")
    assert rows[1] == pages.SampleRow(2, "000001", 300, 400, "todo", 0, 0, ("even",), None, None)
    assert states.sample("000001") == rows[1]
    assert states.counts() == {"todo": 80, "doing": 10, "done": 10}


def test_search_takes_no_notice_of_case(project):
    add(project, Sample("Train/Käse", ImageRef(None)))
    assert ids(project.page(search="train/k")) == ([4], 1)


@pytest.mark.parametrize(
    "wrong", [{"offset": -1}, {"limit": 0}, {"limit": 1001}, {"offset": 2**70}]
)
def test_a_page_out_of_range_is_refused(project, wrong):
    with pytest.raises(UsageError, match="a page is"):
        project.page(**wrong)


def test_an_unknown_state_is_refused(project):
    with pytest.raises(UsageError, match="no such state"):
        project.page(state="finished")


# PostgreSQL plans by statistics, which a small table has none of.
@pytest.mark.parametrize("project_url", [""])
@pytest.mark.parametrize(
    "wanted",
    [
        pages.Wanted(1),
        pages.Wanted(1, state="todo"),
        pages.Wanted(1, state="done"),
        pages.Wanted(1, split="even"),
        pages.Wanted(1, split="even", state="todo"),
        pages.Wanted(1, state="todo", since=50),
        pages.Wanted(1, state="done", since=50),
        pages.Wanted(1, split="even", state="done", since=50),
    ],
)
def test_a_page_is_found_in_indexes_without_sorting(states, wanted):
    """So that it costs the same milliseconds in a project of 100,000 samples."""
    with database.read(states) as connection:
        query = pages._chosen(wanted).limit(100).compile(connection)
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {query}", tuple(query.params[name] for name in query.positiontup)
        ).all()
    steps = [row[-1] for row in plan]
    assert steps
    assert not [step for step in steps if "TEMP B-TREE" in step]
    scans = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
    # In the order of ids the table itself is the index.
    assert scans in ([], ["SCAN sample"])
