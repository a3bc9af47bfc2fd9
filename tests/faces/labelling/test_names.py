"""Names that would be code or paths elsewhere come back as data, in answers that are no page."""

from __future__ import annotations

import numpy as np
import pytest
from tests.faces.conftest import ADDRESS, Page, make_project

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.labelling.desk import Desk
from maskloom.store.project import Project

NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "'; DROP TABLE sample; --",
    "${7*7}{{7*7}}",
    "&lt;b&gt;",
    "%2e%2e%2f",
    "\u202egnp.exe",
    "\u2028\u2029",
    "名前 ñ",
]
FILES = [f"{name.replace('/', '')}.png" for name in NAMES]


@pytest.fixture
def hostile(tmp_path):
    """A browser at a project whose every name is hostile."""
    from starlette.testclient import TestClient

    from maskloom.faces.labelling.app import create_label_app

    taxonomy = Taxonomy(tuple(Category(f"c{i}", name) for i, name in enumerate(NAMES)))
    pixels = np.zeros((8, 8), np.uint8)
    root = make_project(tmp_path, dict.fromkeys(FILES, pixels), taxonomy=taxonomy, name=NAMES[0])
    with Project.open(root) as project:
        desk = Desk(project)
        app = create_label_app(desk, port=8471)
        with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
            page = Page(client, ADDRESS)
            assert page.enter(desk.sessions.invite(NAMES[0])).status_code == 200
            yield page


def is_data(answer):
    assert answer.headers["content-type"] in ("application/json", "application/problem+json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return answer.json()


def test_names_come_back_as_they_are(hostile):
    project = is_data(hostile.get("/api/v1/project"))
    assert project["name"] == NAMES[0]
    assert [c["name"] for c in project["taxonomy"]["categories"]] == NAMES
    listed = is_data(hostile.get("/api/v1/samples"))
    assert [s["key"] for s in listed["samples"]] == [name.removesuffix(".png") for name in FILES]
    assert is_data(hostile.get("/api/v1/session"))["author"] == NAMES[0]


def test_images_of_hostile_names_are_shown(hostile):
    for id_ in range(1, len(FILES) + 1):
        answer = hostile.get(f"/api/v1/samples/{id_}/tiles/0/0/0")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize("name", [*NAMES, "../../../etc/passwd", "/etc/passwd", "a\0b", "%", "_"])
def test_names_in_questions_are_only_compared(hostile, name):
    found = is_data(hostile.get("/api/v1/samples", params={"search": name}))
    keys = [one.removesuffix(".png").lower() for one in FILES]
    assert found["total"] == len([key for key in keys if name.lower() in key])
    for answer in (
        hostile.get("/api/v1/samples", params={"split": name}),
        hostile.get("/api/v1/samples", params={"layer": name}),
        hostile.get("/api/v1/samples/1/document", params={"layer": name}),
        hostile.get("/api/v1/ops", params={"sample": 1, "layer": name}),
        hostile.post("/api/v1/taxonomy", {"migration": {"kind": name}}),
        hostile.post("/api/v1/verbs/check", {"data": name}),
        hostile.post("/api/v1/session", {"token": name}),
    ):
        assert answer.status_code < 500
        is_data(answer)


def test_a_class_can_get_any_name_that_can_be_printed_and_keeps_it(hostile):
    for name in filter(str.isprintable, NAMES):
        body = {"migration": {"kind": "rename", "key": "c0", "name": f"x {name}"}}
        answer = hostile.post("/api/v1/taxonomy", body)
        assert answer.status_code == 200, answer.text
        told = is_data(answer)
        assert told["taxonomy"]["categories"][0]["name"] == f"x {name}"
