"""Who gets in, and what a foreign page, a foreign name or a wrong token gets."""

from __future__ import annotations

import hashlib
import json

import pytest
from sqlalchemy import select

from maskloom.store.project import database
from maskloom.store.project.schema import session

DOOR = "/api/v1/session"
ADDRESS = "http://127.0.0.1:8471"


def test_a_token_becomes_a_cookie_that_scripts_cannot_read(stranger, desk):
    token = desk.sessions.invite("ann")
    answer = stranger.enter(token)
    assert answer.status_code == 200
    assert answer.json()["author"] == "ann"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"maskloom-8471-{desk.project.id[:8]}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert token not in answer.text + cookie
    assert stranger.get("/api/v1/project").status_code == 200
    assert stranger.get(DOOR).json()["author"] == "ann"


def test_only_sums_of_tokens_are_stored(page, desk):
    spare = desk.sessions.invite("bob")
    secret = next(iter(page.client.cookies.values()))
    with database.read(desk.project) as connection:
        stored = set(connection.execute(select(session.c.token_hash)).scalars())
    assert stored == {hashlib.sha256(one.encode()).hexdigest() for one in (spare, secret)}
    assert len(secret) * 6 >= 256


def test_a_token_works_once(stranger, desk):
    token = desk.sessions.invite("ann")
    assert stranger.enter(token).status_code == 200
    stranger.client.cookies.clear()
    again = stranger.enter(token)
    assert again.status_code == 401
    assert "used already" in again.json()["detail"]
    assert stranger.get("/api/v1/project").status_code == 401


@pytest.mark.parametrize("token", ["", "x", "x" * 200, "\0", "é", "\ud800"])
def test_a_wrong_token_is_refused(stranger, token):
    answer = stranger.client.post(
        DOOR,
        content=json.dumps({"token": token}),
        headers={"Origin": ADDRESS, "Content-Type": "application/json"},
    )
    assert answer.status_code in (401, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "set-cookie" not in answer.headers


def test_wrong_tokens_are_soon_not_looked_at(stranger, desk):
    answers = [stranger.enter(f"wrong {i}").status_code for i in range(12)]
    assert answers[:10] == [401] * 10
    assert answers[10:] == [429, 429]
    late = stranger.enter(desk.sessions.invite("ann"))
    assert late.status_code == 429
    assert 1 <= int(late.headers["retry-after"]) <= 60


def test_without_a_session_nothing_but_page_and_door_is_open(stranger):
    for path in ("project", "samples", "samples/1", "samples/1/tiles/0/0/0", "ops?sample=1",
                 "layers", "reviews", "verbs", "jobs", "openapi.json", "session", "nothing"):  # fmt: skip
        answer = stranger.get(f"/api/v1/{path}")
        assert answer.status_code == 401, path
        assert answer.headers["content-type"] == "application/problem+json"
    for path in ("ops", "taxonomy", "verbs/check", "session/invite"):
        assert stranger.post(f"/api/v1/{path}", {}).status_code == 401, path
    assert stranger.get("/").status_code == 200
    assert stranger.get("/healthz").json()["status"] == "ok"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8471", "127.0.0.2", "",
     "0.0.0.0:8471", "[::1]:8471", "127.0.0.1:8471@evil", "localhost:port", "127.0.0.1:8471, x"],
)  # fmt: skip
def test_a_foreign_name_gets_nothing_not_even_the_page(page, host):
    for path in ("/", "/api/v1/project", "/healthz"):
        answer = page.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert answer.json()["title"] == "Unknown host"
    assert page.post(DOOR, {"token": "x"}, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8471", "localhost:8471", "LOCALHOST:9", "127.0.0.1"])
def test_the_names_of_this_machine_work_on_any_port_that_leads_here(page, host):
    answer = page.post(
        "/api/v1/session/invite", {}, headers={"Host": host, "Origin": f"http://{host}"}
    )
    assert answer.status_code == 200
    assert answer.json()["url"].startswith(f"http://{host}/#token=")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8472",
               "http://127.0.0.1:8471.evil.example", "file://", ""],
)  # fmt: skip
def test_a_foreign_page_cannot_write(page, origin):
    for path in ("/api/v1/session/invite", "/api/v1/ops", "/api/v1/verbs/check"):
        answer = page.post(path, {}, headers={"Origin": origin})
        assert answer.status_code == 403
        assert answer.json()["title"] == "Foreign origin"


def test_a_write_with_a_cookie_must_say_its_origin(page):
    answer = page.client.post("/api/v1/session/invite", json={})
    assert (answer.status_code, answer.json()["title"]) == (403, "No origin")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_of_this_machine_cannot_embed_answers(page, site):
    answer = page.get("/api/v1/samples/1/thumbnail", headers={"Sec-Fetch-Site": site})
    assert (answer.status_code, answer.json()["title"]) == (403, "Foreign site")
    assert page.get("/", headers={"Sec-Fetch-Site": site}).status_code == 200


def test_every_answer_carries_the_policy(page, stranger):
    for answer in (
        page.get("/"),
        page.get("/api/v1/project"),
        page.get("/api/v1/samples/1/tiles/0/0/0"),
        page.get("/nothing"),
        page.get("/api/v1/samples/77"),
        page.get("/", headers={"Host": "evil.example"}),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers


def test_signing_out_ends_the_session(page):
    assert page.client.delete(DOOR, headers={"Origin": ADDRESS}).status_code == 204
    assert page.get("/api/v1/project").status_code == 401


def test_an_invitation_lets_one_more_browser_in_under_its_own_name(page, desk):
    url = page.post("/api/v1/session/invite", {"author": " bob "}).json()["url"]
    token = url.rpartition("#token=")[2]
    page.client.cookies.clear()
    assert page.enter(token).json()["author"] == "bob"
    for name in ("", " ", "x" * 65, "a\nb"):
        answer = page.post("/api/v1/session/invite", {"author": name or " "})
        assert answer.status_code == 422


@pytest.mark.parametrize("said", ["99999999999", "-1", "1e9", "²"])
def test_a_body_that_claims_too_much_is_refused_unread(page, said):
    answer = page.client.post(
        "/api/v1/ops", content=b"", headers={"Origin": ADDRESS, "Content-Length": said.encode()}
    )
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_does_not_say_its_length_is_counted(page):
    def endless():
        for _ in range(80):
            yield b"x" * 65536

    for path in ("ops", "taxonomy"):
        answer = page.client.post(
            f"/api/v1/{path}",
            content=endless(),
            headers={"Origin": ADDRESS, "Content-Type": "application/json"},
        )
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
