"""The review queue over HTTP: the worst first, and a verdict that closes an item."""

from __future__ import annotations

import pytest

from maskloom.core.region import Region
from maskloom.edits import gestures, operations
from maskloom.faces.labelling.reviews import ItemsAnswer
from maskloom.labelling.places import first_place
from maskloom.store.project import Address


def region(sample, severity, **fields):
    values = {
        "kind": "missing", "category": "car", "other": None, "box": (10, 20, 30, 40), "area": 77,
        "reason": "a car is <b>missing</b>", **fields,
    }  # fmt: skip
    return Region(sample, severity=severity, **values)


@pytest.fixture
def review(desk):
    """A review of three items: b, a, b."""
    return desk.project.add_review(
        Address(desk.project.root, "main", desk.project.sequence()),
        "somewhere/else",
        [region("b", 0.9), region("a", 0.5, kind="wrong-class", other="road"), region("b", 0.1)],
    )


def verdict(page, desk, item, word):
    document = desk.project.document(item["sample_id"], "main")
    op = gestures.make(
        document, "main", "verdict", [gestures.set_verdict(document, item["id"], word)]
    )
    answer = page.post("/api/v1/ops", {"sample": item["sample_id"], "op": operations.to_json(op)})
    assert answer.status_code == 200
    return answer.json()


def test_items_come_worst_first_page_by_page(page, review):
    listed = page.get("/api/v1/reviews").json()["reviews"]
    assert [(r["id"], r["items"], r["open"], r["predicted"]) for r in listed] == [
        (review.id, 3, 3, "somewhere/else")
    ]
    whole = page.get(f"/api/v1/reviews/{review.id}/items").json()
    ItemsAnswer.model_validate(whole)
    assert whole["total"] == 3
    assert [(i["sample"], i["score"], i["rank"]) for i in whole["items"]] == [
        ("b", 0.9, 1), ("a", 0.5, 2), ("b", 0.1, 3)
    ]  # fmt: skip
    one = whole["items"][1]
    assert (one["kind"], one["category"], one["other"]) == ("wrong-class", "car", "road")
    assert [one[name] for name in ("x0", "y0", "x1", "y1", "area")] == [10, 20, 30, 40, 77]
    assert one["reason"] == "a car is <b>missing</b>"
    assert one["place"] == f"#/review/{review.id}/{one['id']}"
    paged = page.get(f"/api/v1/reviews/{review.id}/items?offset=1&limit=1").json()
    assert (paged["total"], paged["items"]) == (3, [one])
    assert page.get(f"/api/v1/items/{one['id']}").json() == one


def test_a_verdict_closes_an_item_and_undo_opens_it_again(page, desk, review):
    first, second, third = page.get(f"/api/v1/reviews/{review.id}/items").json()["items"]
    assert page.get("/api/v1/session").json()["start"] == first["place"]
    done = verdict(page, desk, first, "fixed")
    left = page.get(f"/api/v1/reviews/{review.id}/items?open=true").json()
    assert (left["total"], [i["id"] for i in left["items"]]) == (2, [second["id"], third["id"]])
    assert page.get(f"/api/v1/items/{first['id']}").json()["verdict"] == "fixed"
    assert page.get("/api/v1/reviews").json()["reviews"][0]["open"] == 2
    assert page.get("/api/v1/session").json()["start"] == second["place"]
    sent = page.get(f"/api/v1/ops?sample={first['sample_id']}").json()["ops"][0]["op"]
    undone = operations.inverse(
        operations.parse(sent, (300, 400)), operations.new_id(), base=done["revision"]
    )
    body = {"sample": first["sample_id"], "op": operations.to_json(undone)}
    assert page.post("/api/v1/ops", body).status_code == 200
    assert page.get(f"/api/v1/items/{first['id']}").json()["verdict"] is None


def test_a_queue_that_is_worked_through_page_by_page_skips_nothing(page, desk, review):
    path = f"/api/v1/reviews/{review.id}/items?open=true&limit=1"
    told = page.get(path).json()
    since, seen = told["sequence"], told["items"]
    assert since == desk.project.sequence()
    verdict(page, desk, seen[0], "kept")
    for offset in (1, 2):
        told = page.get(f"{path}&since={since}&offset={offset}&of={seen[0]['id']}").json()
        ItemsAnswer.model_validate(told)
        assert (told["total"], told["position"]) == (3, {"before": 0, "listed": True})
        verdict(page, desk, told["items"][0], "kept")
        seen += told["items"]
    assert [item["rank"] for item in seen] == [1, 2, 3]
    told = page.get(f"{path}&of={seen[1]['id']}").json()
    assert (told["total"], told["position"]) == (0, {"before": 0, "listed": False})
    assert page.get(f"{path}&of=nope").status_code == 404
    assert page.get(f"{path}&since=-1").status_code == 422


def test_one_begins_at_the_newest_open_review_then_at_what_is_not_done_then_at_the_list(
    page, desk, review
):
    project = desk.project
    newer = project.add_review(Address(project.root, "main"), "x", [region("c", 0.3)])
    items = page.get(f"/api/v1/reviews/{newer.id}/items").json()["items"]
    assert first_place(project) == items[0]["place"]
    items += page.get(f"/api/v1/reviews/{review.id}/items").json()["items"]
    for item in items:
        assert first_place(project) == item["place"]
        verdict(page, desk, item, "kept")
    for sample in (1, 2, 3):
        assert first_place(project) == f"#/s/{sample}"
        document = project.document(sample, "main")
        done = gestures.make(
            document, "main", "state", [gestures.set_field(document, "", "state", "done")]
        )
        page.post("/api/v1/ops", {"sample": sample, "op": operations.to_json(done)})
    assert first_place(project) == "#/"


@pytest.mark.parametrize(
    ("path", "status"),
    [("reviews/99/items", 404), ("reviews/0/items", 422), ("reviews/x/items", 422),
     ("reviews/1/items?limit=0", 422), ("reviews/1/items?limit=9999", 422),
     ("reviews/1/items?offset=-1", 422), ("items/nope", 404), ("items/%00", 404),
     ("items/" + "x" * 65, 422)],
)  # fmt: skip
def test_what_is_not_there_is_a_problem(page, review, path, status):
    answer = page.get(f"/api/v1/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
