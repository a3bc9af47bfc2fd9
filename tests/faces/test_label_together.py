"""Several people on one image, over a real server: nothing is lost, nothing is silent."""

from __future__ import annotations

import threading

import httpx2
import numpy as np

from maskloom.core.masks import Masks
from maskloom.edits import gestures, operations
from maskloom.edits.document import Document, apply
from maskloom.edits.tiles import mask_to_tiles
from maskloom.store.project import Project

from .test_label import Server

SIZE = (300, 400)
PEOPLE, GESTURES = 4, 40


class Person(threading.Thread):
    """Draws, repaints, reclasses and deletes at random; follows others only when told to."""

    def __init__(self, server, seed):
        super().__init__()
        self.browser = httpx2.Client(
            base_url=server.address,
            cookies=server.browser.cookies,
            headers={"Origin": server.address},
            timeout=60,
        )
        self.random = np.random.default_rng(seed)
        self.document = Document(SIZE, "rows")
        self.saved, self.conflicts, self.fault = [], 0, None

    def run(self):
        try:
            while len(self.saved) + self.conflicts < GESTURES:
                self.act()
            self.follow()
        except Exception as error:  # noqa: BLE001
            self.fault = error
        finally:
            self.browser.close()

    def act(self):
        op = self.gesture()
        body = {"sample": 1, "op": operations.to_json(op)}
        answer = self.browser.post("/api/v1/ops", json=body)
        told = answer.json()
        if answer.status_code == 409:
            assert told["missing"][0]["revision"] == op.base + 1
            assert told["missing"][-1]["revision"] == told["revision"]
            self.conflicts += 1
            self.follow()
            return
        assert answer.status_code == 200, told
        self.saved.append((told["revision"], op.id))
        if self.random.random() < 0.3 or told["revision"] != op.base + 1:
            self.follow()
        else:
            self.document = apply(self.document, op)

    def gesture(self):
        uids = list(self.document.objects)
        if len(uids) < 3:
            change = gestures.create_object(operations.new_uid(), self.blot(), "car")
        else:
            uid = uids[self.random.integers(len(uids))]
            change = [
                lambda: gestures.replace_pixels(self.document, uid, self.blot()),
                lambda: gestures.set_field(
                    self.document, uid, "category", ["car", "road"][self.random.integers(2)]
                ),
                lambda: gestures.delete_object(uid),
                lambda: gestures.create_object(operations.new_uid(), self.blot(), "road"),
            ][self.random.integers(4)]()
        return gestures.make(self.document, "main", "brush", [change])

    def blot(self):
        x, y = (int(v) for v in self.random.integers(0, (350, 250)))
        pixels = np.zeros((1, *SIZE), bool)
        pixels[0, y : y + 50, x : x + 50] = self.random.random((50, 50)) < 0.6
        return mask_to_tiles(Masks.from_dense(pixels))

    def follow(self):
        after = self.document.revision
        found = self.browser.get(f"/api/v1/ops?sample=1&after={after}").json()
        assert not found["replaced"]
        for one in found["ops"]:
            self.document = apply(self.document, operations.parse(one["op"], SIZE))
        assert self.document.revision == found["revision"]


def test_people_and_database_agree_after_random_work_on_one_image(project_root):
    with Server(project_root) as server:
        server.enter()
        people = [Person(server, seed) for seed in range(PEOPLE)]
        for person in people:
            person.start()
        for person in people:
            person.join()
        assert [person.fault for person in people if person.fault] == []
        history = server.browser.get("/api/v1/ops?sample=1").json()
        told = server.browser.get("/api/v1/samples/1/document").json()
        server.stop()
    saved = sorted(one for person in people for one in person.saved)
    assert [(one["revision"], one["op"]["id"]) for one in history["ops"]] == saved
    assert len(saved) + sum(person.conflicts for person in people) == PEOPLE * GESTURES
    assert sum(person.conflicts for person in people) > 0
    replayed = Document(SIZE, "rows")
    for one in history["ops"]:
        replayed = apply(replayed, operations.parse(one["op"], SIZE))
    with Project.open(project_root) as project:
        assert project.document(1, "main") == replayed
    assert replayed.to_json() == told
