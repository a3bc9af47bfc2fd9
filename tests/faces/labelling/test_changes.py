"""Labels over HTTP: load, change, send again, be second, decide, rename."""

from __future__ import annotations

import errno
import json
import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import event

from maskloom.core.masks import Masks
from maskloom.edits import gestures, operations
from maskloom.edits.tiles import mask_to_tiles
from maskloom.errors import DataError, WriteError
from maskloom.faces.labelling.operations import CommittedAnswer, ConflictProblem, HistoryAnswer
from maskloom.faces.labelling.samples import DocumentAnswer
from maskloom.faces.problems import problem
from maskloom.store.project import Project

OPS = "/api/v1/ops"


def square(x, y, side, size=(300, 400)):
    pixels = np.zeros((1, *size), bool)
    pixels[0, y : y + side, x : x + side] = True
    return mask_to_tiles(Masks.from_dense(pixels))


class Hand:
    """Somebody who labels one sample: knows the document and makes operations for it."""

    def __init__(self, project, sample=1, layer="main"):
        self.project, self.sample, self.layer = project, sample, layer
        self.look()

    def look(self):
        self.document = self.project.document(self.sample, self.layer)

    def make(self, kind, *changes):
        return operations.to_json(gestures.make(self.document, self.layer, kind, changes))

    def draw(self, x, y, side=20, category="car"):
        uid = operations.new_uid()
        return uid, self.make("brush", gestures.create_object(uid, square(x, y, side), category))

    def paint(self, uid, x, y, side=20):
        tiles = square(x, y, side)
        return self.make("brush", gestures.replace_pixels(self.document, uid, tiles))

    def set(self, uid, name, value):
        return self.make("category", gestures.set_field(self.document, uid, name, value))


@pytest.fixture
def hand(desk):
    return Hand(desk.project)


def sequence(page):
    return page.get("/api/v1/project").json()["sequence"]


def send(page, op, sample=1):
    return page.post(OPS, {"sample": sample, "op": op})


def test_what_is_drawn_is_in_the_document_and_in_the_history(page, hand):
    uid, op = hand.draw(30, 250, side=60)
    answer = send(page, op)
    assert answer.status_code == 200
    assert answer.json() == {"seq": 2, "revision": 1, "repeated": False}
    CommittedAnswer.model_validate(answer.json())
    told = page.get("/api/v1/samples/1/document").json()
    DocumentAnswer.model_validate(told)
    assert (told["revision"], told["form"], told["size"]) == (1, "rows", [300, 400])
    assert [(o["id"], o["category"], o["box"], o["area"]) for o in told["objects"]] == [
        (uid, "car", [30, 250, 90, 300], 3000)
    ]
    history = page.get(f"{OPS}?sample=1&after=0").json()
    HistoryAnswer.model_validate(history)
    assert (history["revision"], history["more"], history["replaced"]) == (1, False, False)
    assert [(h["op"], h["author"], h["box"]) for h in history["ops"]] == [
        (op, "ann", [0, 0, 256, 512])
    ]
    row = page.get("/api/v1/samples/1").json()
    assert (row["objects"], row["revision"], row["author"]) == (1, 1, "ann")


def test_an_operation_sent_again_gets_the_first_answer(page, hand):
    _, op = hand.draw(0, 0)
    first = send(page, op).json()
    for _ in range(3):
        assert send(page, op).json() == {**first, "repeated": True}
    assert sequence(page) == first["seq"]
    other = {**op, "kind": "polygon"}
    answer = send(page, other)
    assert answer.status_code == 422
    assert "another one" in answer.json()["detail"]


def test_changes_of_different_things_are_both_kept(page, desk):
    ann, bob = Hand(desk.project), Hand(desk.project)
    assert send(page, ann.draw(0, 0)[1]).json()["revision"] == 1
    assert send(page, bob.draw(100, 100)[1]).json()["revision"] == 2
    assert len(page.get("/api/v1/samples/1/document").json()["objects"]) == 2


def test_who_is_second_is_told_what_was_missed_and_nothing_is_overwritten(page, desk):
    ann, bob = Hand(desk.project), Hand(desk.project)
    uid, op = ann.draw(0, 0)
    send(page, op)
    ann.look(), bob.look()
    winning = ann.set(uid, "category", "road")
    assert send(page, winning).json()["revision"] == 2
    answer = send(page, bob.set(uid, "category", "road"))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    ConflictProblem.model_validate(told)
    assert told["title"] == "Conflict"
    assert (told["revision"], told["more"]) == (2, False)
    assert [(one["revision"], one["author"], one["op"]) for one in told["missing"]] == [
        (2, "ann", winning)
    ]
    assert sequence(page) == told["missing"][-1]["seq"]
    bob.look()
    assert send(page, bob.set(uid, "category", "car")).json()["revision"] == 3


def test_undo_brings_back_what_was_there(page, hand, desk):
    uid, op = hand.draw(0, 0)
    send(page, op)
    hand.look()
    painted = hand.paint(uid, 200, 200)
    send(page, painted)
    assert page.get("/api/v1/samples/1/document").json()["objects"][0]["box"] == [
        200,
        200,
        220,
        220,
    ]
    at = sequence(page)
    undone = operations.inverse(operations.parse(painted, (300, 400)), operations.new_id(), base=2)
    assert send(page, operations.to_json(undone)).status_code == 200
    assert page.get("/api/v1/samples/1/document").json()["objects"][0]["box"] == [0, 0, 20, 20]
    told = page.get(f"/api/v1/samples/1/document?at={at}").json()
    assert told["objects"][0]["box"] == [200, 200, 220, 220]


def test_state_is_an_operation_and_shows_in_lists_and_counts(page, hand):
    send(page, hand.set("", "state", "done"))
    assert page.get("/api/v1/project").json()["counts"] == {"todo": 2, "doing": 0, "done": 1}
    listed = page.get("/api/v1/samples?state=done").json()
    assert (listed["total"], [s["id"] for s in listed["samples"]]) == (1, [1])
    assert page.get("/api/v1/samples?state=todo&limit=1").json()["total"] == 2


def test_a_list_of_a_state_that_is_worked_through_page_by_page_skips_nothing(page, desk):
    path = "/api/v1/samples?state=todo&limit=1"
    told = page.get(path).json()
    since = told["sequence"]
    assert (told["samples"][0]["id"], told["position"]) == (1, None)
    send(page, Hand(desk.project).set("", "state", "done"))
    told = page.get(f"{path}&since={since}&offset=1&of=1").json()
    assert (told["total"], told["samples"][0]["id"]) == (3, 2)
    assert told["position"] == {"before": 0, "listed": True}
    told = page.get(f"{path}&of=1").json()
    assert (told["total"], told["position"]) == (2, {"before": 0, "listed": False})
    assert page.get(f"{path}&of=3").json()["position"] == {"before": 1, "listed": True}


def test_a_document_is_told_at_a_revision_also_after_an_import(page, desk, hand):
    send(page, hand.draw(0, 0)[1])
    path = "/api/v1/samples/1/document"
    then = page.get(path).json()
    send(page, Hand(desk.project).draw(50, 50)[1])
    desk.project.add(desk.project.dataset("main"), "main", replace=True)
    assert page.get(f"{path}?revision=1").json() == then
    assert page.get(f"{path}?revision=0").json()["objects"] == []
    assert page.get(f"{path}?revision=3").json() == page.get(path).json()
    for query, status in (("revision=4", 404), ("revision=-1", 422), ("revision=1&at=1", 422)):
        answer = page.get(f"{path}?{query}")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_layer_of_ones_own_is_apart_from_main(page, desk):
    own = Hand(desk.project, layer="by/ann")
    assert send(page, own.draw(5, 5)[1]).status_code == 200
    assert page.get("/api/v1/samples/1/document").json()["objects"] == []
    told = page.get("/api/v1/samples/1/document?layer=by/ann").json()
    assert len(told["objects"]) == 1
    names = [layer["name"] for layer in page.get("/api/v1/layers").json()["layers"]]
    assert names == ["main", "by/ann"]


def test_a_page_that_was_away_gets_what_it_missed_in_portions(page, hand, monkeypatch):
    from maskloom.labelling import history

    monkeypatch.setattr(history, "_CHUNK", 3)
    monkeypatch.setattr(history, "MOST_BYTES", 1500)
    for i in range(10):
        assert send(page, hand.draw(i * 10, 0, 5)[1]).status_code == 200
        hand.look()
    reached, got = 0, []
    for _ in range(10):
        told = page.get(f"{OPS}?sample=1&after={reached}").json()
        assert told["ops"]
        got += [one["revision"] for one in told["ops"]]
        reached = told["revision"]
        if not told["more"]:
            break
    assert got == list(range(1, 11))
    assert reached == 10


def test_a_page_ahead_of_the_project_is_told_to_load_again(page):
    told = page.get(f"{OPS}?sample=1&after=7").json()
    assert told == {"revision": 0, "more": False, "replaced": True, "ops": []}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"sample": 1}', b'{"op": {}, "sample": "1"}',
     b'{"op": {}, "sample": true}', b'{"op": {}, "sample": -1}', b'{"op": 1, "sample": 1}',
     b'{"op": {"v": NaN}, "sample": 1}', b"[" * 100_000, b'{"sample": 1, "op":' + b"[" * 50_000,
     b"\xff\xfe", b'{"op": {}, "sample": 1, "author": "x"}',
     b'{"sample": 1e400, "op": {}}', b'{"sample": 99999999999999999999, "op": {}}'],
)  # fmt: skip
def test_what_is_no_operation_is_a_problem_and_changes_nothing(page, body):
    before = sequence(page)
    answer = page.client.post(OPS, content=body, headers={"Origin": page.origin})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 2000
    assert sequence(page) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [({"v": 2}, "version"), ({"id": "x"}, "id"), ({"layer": "../x"}, "layer"),
     ({"layer": "model/x@1"}, "layer"), ({"base": 5}, "still to come"), ({"kind": "X"}, "kind"),
     ({"changes": []}, "changes"), ({"changes": [{"object": "a", "tiles": {"9,9": "AAEA"}}]}, "tile")],
)  # fmt: skip
def test_an_operation_with_a_fault_is_refused_with_its_place(page, hand, change, said):
    answer = send(page, {**hand.draw(0, 0)[1], **change})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_an_unknown_sample_is_404(page, hand):
    for answer in (
        send(page, hand.draw(0, 0)[1], sample=99),
        page.get("/api/v1/samples/99"),
        page.get("/api/v1/samples/99/document"),
        page.get(f"{OPS}?sample=99"),
        page.get("/api/v1/items/nope"),
    ):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_full_disk_is_507_and_the_same_operation_is_accepted_later(page, desk, hand):
    """SQLite's own limit of pages raises the same SQLITE_FULL as a disk without space."""
    engine = desk.project.database.engine

    def limit(pages):
        def tell(connection, *rest):
            connection.execute(f"PRAGMA max_page_count={pages}")

        engine.dispose()
        event.listen(engine, "connect", tell)
        return tell

    pages = sqlite3.connect(desk.project.layout.database).execute("PRAGMA page_count").fetchone()[0]
    narrow = limit(pages)
    ops = []
    for i in range(100):
        noise = np.random.default_rng(i).random((1, 300, 400)) > 0.5
        uid = operations.new_uid()
        change = gestures.create_object(uid, mask_to_tiles(Masks.from_dense(noise)), "car")
        ops.append(hand.make("brush", change))
        answer = send(page, ops[-1])
        hand.look()
        if answer.status_code != 200:
            break
    assert answer.status_code == 507
    assert "space" in answer.json()["detail"]
    kept = page.get("/api/v1/samples/1").json()["revision"]
    assert kept == len(ops) - 1
    event.remove(engine, "connect", narrow)
    engine.dispose()
    assert send(page, ops[-1]).json()["revision"] == kept + 1


def test_a_database_that_somebody_else_holds_is_503(page, desk, hand, monkeypatch):
    from maskloom.store.project import sqlite_file

    monkeypatch.setattr(sqlite_file, "WAIT_S", 0.2)
    desk.project.database.engine.dispose()
    _, op = hand.draw(0, 0)
    other = sqlite3.connect(desk.project.layout.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = send(page, op)
    assert answer.status_code == 503
    assert "another program" in answer.json()["detail"]
    other.execute("ROLLBACK")
    other.close()
    assert send(page, op).status_code == 200


def test_a_database_that_was_damaged_meanwhile_is_503_and_not_a_traceback(page, desk, hand):
    desk.project.database.engine.dispose()
    path = desk.project.layout.database
    data = bytearray(path.read_bytes())
    data[100:] = bytes(len(data) - 100)
    path.write_bytes(data)
    answer = send(page, hand.draw(0, 0)[1])
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "damaged" in answer.json()["detail"] or "database" in answer.json()["detail"]


def test_an_error_of_the_system_says_by_its_status_whether_waiting_helps():
    full = OSError(errno.ENOSPC, "No space left on device")
    wrapped = WriteError("cannot write")
    wrapped.__cause__ = full
    for error in (full, wrapped):
        assert problem(error)["status"] == 507
    assert problem(OSError(errno.EACCES, "Permission denied"))["status"] == 422


@pytest.mark.parametrize(
    "fault",
    [MemoryError()]
    + [OSError(n, "x") for n in (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM)],
    ids=lambda fault: errno.errorcode.get(getattr(fault, "errno", 0), "memory"),
)
def test_a_fault_of_the_machine_is_503_and_the_same_operation_is_accepted_later(
    page, desk, hand, fault
):
    wrapped = DataError("stored labels cannot be read")
    wrapped.__cause__ = fault
    assert problem(wrapped)["status"] == 503
    engine = desk.project.database.engine

    def fail(connection, cursor, statement, *rest):
        if statement.startswith("INSERT INTO op"):
            raise fault

    _, op = hand.draw(0, 0)
    event.listen(engine, "before_cursor_execute", fail)
    answer = send(page, op)
    event.remove(engine, "before_cursor_execute", fail)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert send(page, op).json()["revision"] == 1


def test_a_long_answer_is_compressed(page, hand):
    noise = np.random.default_rng(0).random((1, 300, 400)) > 0.5
    change = gestures.create_object("n1", mask_to_tiles(Masks.from_dense(noise)), "car")
    assert send(page, hand.make("brush", change)).status_code == 200
    answer = page.get("/api/v1/samples/1/document", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["objects"][0]["area"] == int(noise.sum())
    plain = page.get("/api/v1/samples/1/document", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == answer.json()
    picture = page.get("/api/v1/samples/1/tiles/0/0/0", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in picture.headers


def test_classes_are_changed_by_migrations(page, hand):
    send(page, hand.draw(0, 0)[1])
    rename = {"kind": "rename", "key": "car", "name": "Vehicle"}
    dry = page.post("/api/v1/taxonomy", {"migration": rename, "dry_run": True}).json()
    assert dry["seq"] is None
    assert [c["name"] for c in dry["taxonomy"]["categories"]] == ["Vehicle", "Road"]
    names = [c["name"] for c in page.get("/api/v1/project").json()["taxonomy"]["categories"]]
    assert names == ["Car", "Road"]
    done = page.post("/api/v1/taxonomy", {"migration": rename}).json()
    assert done["seq"] == sequence(page)
    assert done["inverse"]["name"] == "Car"
    names = [c["name"] for c in page.get("/api/v1/project").json()["taxonomy"]["categories"]]
    assert names == ["Vehicle", "Road"]
    for wrong in ({"kind": "explode"}, {"kind": "rename", "key": "nope", "name": "x"}, []):
        answer = page.post("/api/v1/taxonomy", {"migration": wrong})
        assert answer.status_code == 422


def test_json_answers_are_exact(page, hand):
    """What the page gets is the document that Python has."""
    for i in range(4):
        send(page, hand.draw(i * 60, i * 60, 40)[1])
        hand.look()
    told = page.get("/api/v1/samples/1/document").json()
    assert told == json.loads(json.dumps(hand.document.to_json()))


def test_the_project_stays_sound(page, desk, hand):
    send(page, hand.draw(0, 0)[1])
    with Project.open(desk.project.root) as again:
        assert again.document(1, "main") == desk.project.document(1, "main")


def test_after_an_import_a_page_is_told_to_load_again(page, desk, hand):
    send(page, hand.draw(0, 0)[1])
    project = desk.project
    project.add(project.dataset("main"), "main", replace=True)
    send(page, Hand(project).draw(50, 50)[1])
    revision = page.get("/api/v1/samples/1").json()["revision"]
    assert revision == 3
    told = page.get(f"{OPS}?sample=1&after=1").json()
    assert told == {"revision": 3, "more": False, "replaced": True, "ops": []}
    told = page.get(f"{OPS}?sample=1&after=2").json()
    assert [one["revision"] for one in told["ops"]] == [3]
    assert len(page.get("/api/v1/samples/1/document").json()["objects"]) == 2


def test_a_class_map_is_painted_as_a_map(page, desk):
    from maskloom.core.labels import FULL, Labels

    project = desk.project
    given = project.dataset("main")
    pixels = np.zeros((300, 400), np.uint8)
    pixels[:, 200:] = 1

    def labels_of(sample):
        return Labels((300, 400), class_map=pixels, coverage=FULL)

    project.add(replace(given, samples=project.samples(), labels_of=labels_of), "gold")
    told = page.get("/api/v1/samples/1/document?layer=gold").json()
    assert told["form"] == "map"
    areas = {o["id"]: o["area"] for o in told["objects"] if o["area"]}
    assert areas == {"car": 60_000, "road": 60_000}
    own = Hand(project, layer="gold")
    taken, given_to = square(190, 0, 10), square(190, 0, 10)
    op = own.make(
        "brush", operations.Change("car", {}, taken), operations.Change("road", {}, given_to)
    )
    assert send(page, op).status_code == 200
    told = page.get("/api/v1/samples/1/document?layer=gold").json()
    areas = {o["id"]: o["area"] for o in told["objects"] if o["area"]}
    assert areas == {"car": 59_900, "road": 60_100}
    own.look()
    both = own.make("brush", operations.Change("road", {}, square(0, 0, 5)))
    answer = send(page, both)
    assert answer.status_code == 422
    assert "two classes" in answer.json()["detail"]
