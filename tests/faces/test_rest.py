from __future__ import annotations

import time

import pytest
from starlette.testclient import TestClient

from maskloom.faces.rest import create_app

TOKEN = "open sesame"


@pytest.fixture
def client(toys, tmp_path):
    app = create_app(tmp_path, TOKEN, verbs=toys)
    with TestClient(
        app, headers={"Authorization": f"Bearer {TOKEN}"}, raise_server_exceptions=False
    ) as client:
        yield client


def wait(client, answer):
    place = answer.headers["location"]
    for _ in range(600):
        job = client.get(place).json()
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.02)
    raise AssertionError(job)


@pytest.mark.filterwarnings("ignore:a library warns")
def test_a_short_verb_answers_with_the_envelope(client, tmp_path):
    answer = client.post("/api/v1/verbs/copy", json={"src": "a", "to": "upper", "from": "x"})
    assert answer.status_code == 200
    whole = answer.json()
    assert list(whole) == ["maskloom", "verb", "inputs", "results", "warnings"]
    assert whole["inputs"]["src"] == str(tmp_path.resolve() / "a")
    assert whole["inputs"]["from"] == "x"
    assert whole["results"]["nan"] is None


def test_a_long_verb_answers_with_a_job(client):
    answer = client.post("/api/v1/verbs/fail", json={"how": "found"})
    assert answer.status_code == 202
    job = wait(client, answer)
    assert (job["state"], job["exit_code"]) == ("done", 1)
    assert job["result"]["results"] == {"how": "found"}
    assert client.get("/api/v1/jobs").json()["jobs"][0]["id"] == job["id"]
    assert client.delete(f"/api/v1/jobs/{job['id']}").json()["state"] == "done"


def test_a_failed_job_carries_its_problem(client):
    job = wait(client, client.post("/api/v1/verbs/fail", json={"how": "loss"}))
    assert job["state"] == "failed"
    assert job["error"]["status"] == 409
    assert "3 holes" in job["error"]["detail"]
    bug = wait(client, client.post("/api/v1/verbs/fail", json={"how": "bug"}))
    assert bug["error"]["status"] == 500


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer x"}, {"Authorization": TOKEN}])
def test_without_the_token_nothing_is_told(toys, tmp_path, header):
    client = TestClient(create_app(tmp_path, TOKEN, verbs=toys), headers=header)
    for path in ("/api/v1/verbs", "/api/v1/jobs", "/api/v1/openapi.json", "/api/v1/nothing"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/healthz").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"src": "../a", "to": "upper"}, 403, "src"),
        ({"src": "/etc/passwd", "to": "upper"}, 403, "outside"),
        ({"src": "a", "to": "upper", "files": ["b", "../c"]}, 403, "files"),
        ({"src": "a", "to": "upper", "map": ["from.x=/etc/y"]}, 403, "map"),
        ({"src": "a", "to": "sideways"}, 422, "to"),
        ({"to": "upper"}, 422, "src"),
        ({"src": "a", "to": "upper", "nope": 1}, 422, "nope"),
        ({"src": "a", "to": "upper", "times": "x"}, 422, "times"),
        ({"src": "a\0", "to": "upper"}, 422, "src"),
        ([], 422, ""),
    ],
)
def test_a_bad_request_is_a_problem(client, body, status, said):
    answer = client.post("/api/v1/verbs/copy", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert said in problem["detail"]


def test_what_is_not_there_is_a_problem(client):
    for answer in (
        client.post("/api/v1/verbs/nope", json={}),
        client.get("/api/v1/jobs/nope"),
        client.delete("/api/v1/jobs/nope"),
    ):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/api/v1/verbs/copy").status_code == 405


def test_the_schema_holds_the_public_names(client):
    schema = client.get("/api/v1/openapi.json").json()
    names = set(schema["components"]["schemas"]["CopyParameters"]["properties"])
    assert {"src", "dst", "to", "from", "map", "allow_loss"} <= names
    assert "/api/v1/verbs/copy" in schema["paths"]


def test_an_empty_token_is_refused(tmp_path):
    with pytest.raises(ValueError, match="token"):
        create_app(tmp_path, "", verbs={})
