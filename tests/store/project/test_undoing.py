"""An undo takes back a gesture only while nothing was built on it, whatever revision it names."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.edits.gestures import create_object, make, set_field
from maskloom.edits.operations import Change, Operation, inverse, new_id
from maskloom.edits.tiles import encode_tile
from maskloom.errors import Conflict
from maskloom.store.project import Project
from maskloom.store.project.operations import Committed


def square(x: int, y: int) -> bytes:
    pixels = np.zeros((256, 256), bool)
    pixels[y : y + 20, x : x + 20] = True
    return encode_tile(pixels)


class Hand:
    """One person's gestures on the first sample, each for the newest revision."""

    def __init__(self, project: Project, author: str) -> None:
        self.project, self.author = project, author

    def do(self, kind: str, *changes: Change) -> Committed:
        op = make(self.project.document(1, "main"), "main", kind, list(changes))
        return self.project.commit(1, op, author=self.author)

    def draw(self, uid: str, x: int = 0) -> Committed:
        return self.do("brush", create_object(uid, {(0, 0): square(x, 0)}, "car"))

    def paint(self, uid: str, x: int) -> Committed:
        return self.do("brush", Change(uid, {}, {(0, 0): square(x, 100)}))

    def back(self, op: Operation, kind: str = "undo") -> Committed:
        base = self.project.document(1, "main").revision
        return self.project.commit(
            1, inverse(op, new_id(), base=base, kind=kind), author=self.author
        )


@pytest.fixture
def ann(project: Project) -> Hand:
    return Hand(project, "ann")


@pytest.fixture
def bob(project: Project) -> Hand:
    return Hand(project, "bob")


@pytest.mark.parametrize("who", ["ann", "bob"])
def test_a_drawing_that_somebody_painted_on_is_not_undone(
    project: Project, ann: Hand, bob: Hand, who: str
) -> None:
    drawn = ann.draw("a")
    painted = bob.paint("a", 50)
    other = bob.draw("b", 60)
    before = project.document(1, "main")
    with pytest.raises(Conflict, match=r"undo would undo .*revision 2 of bob") as caught:
        Hand(project, who).back(drawn.op)
    assert caught.value.missing == (painted,)
    assert project.document(1, "main") == before
    assert project.sequence() == other.seq
    bob.back(painted.op)
    Hand(project, who).back(drawn.op)
    assert set(project.document(1, "main").objects) == {"b"}


def test_pixels_that_somebody_took_since_do_not_come_again(
    project: Project, ann: Hand, bob: Hand
) -> None:
    bob.draw("a")
    stroke = ann.paint("a", 50)
    bob.do("eraser", Change("a", {}, {(0, 0): square(50, 100)}))
    before = project.document(1, "main")
    with pytest.raises(Conflict, match="would undo"):
        ann.back(stroke.op)
    assert project.document(1, "main") == before


def test_one_undoes_and_redoes_step_by_step_what_one_did_to_one_object(
    project: Project, ann: Hand, bob: Hand
) -> None:
    bob.draw("other", 80)
    states = [project.document(1, "main")]
    steps = []
    for gesture in (
        lambda: ann.draw("a"),
        lambda: ann.paint("a", 50),
        lambda: ann.do("z", set_field(project.document(1, "main"), "a", "z", 3)),
        lambda: ann.paint("a", 60),
    ):
        steps.append(gesture().op)
        states.append(project.document(1, "main"))
    for _ in range(2):
        undone = []
        for number in reversed(range(4)):
            undone.append(ann.back(steps[number]).op)
            assert project.document(1, "main") == states[number]
        steps = []
        for number in range(4):
            steps.append(ann.back(undone.pop(), "redo").op)
            assert project.document(1, "main") == states[number + 1]


def test_a_redo_finds_what_it_brings_back_as_it_was_left(
    project: Project, ann: Hand, bob: Hand
) -> None:
    ann.draw("a")
    stroke = ann.paint("a", 50)
    undone = ann.back(stroke.op)
    painted = bob.paint("a", 55)
    with pytest.raises(Conflict, match="redo would undo") as caught:
        ann.back(undone.op, "redo")
    assert caught.value.missing == (painted,)
    bob.back(painted.op)
    ann.back(undone.op, "redo")
    assert project.document(1, "main").objects["a"].tiles[0, 0]
