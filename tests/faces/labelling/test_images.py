"""Tiles and thumbnails over HTTP: caching, errors, and that saving never waits for them."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from maskloom.labelling.desk import Desk
from maskloom.labelling.tiles import Thumbnails
from maskloom.store.images import read_image, write_png
from maskloom.store.project import Project


def pixels(answer):
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_a_tile_is_the_image_bit_for_bit(page, tmp_path):
    answer = page.get("/api/v1/samples/2/tiles/0/0/0")
    assert answer.headers["content-type"] == "image/png"
    assert np.array_equal(pixels(answer), read_image(tmp_path / "images/b.png"))


def test_the_image_is_described(page):
    told = page.get("/api/v1/samples/1/image").json()
    assert told["size"] == [300, 400]
    assert (told["levels"], told["tile"], told["channels"], told["dtype"]) == (1, 512, 3, "uint8")
    assert (told["low"], told["high"]) == (0, 255)


def test_a_thumbnail_is_small(page):
    answer = page.get("/api/v1/samples/3/thumbnail")
    assert answer.headers["content-type"] == "image/jpeg"
    assert pixels(answer).shape == (192, 256, 3)


def test_an_overview_is_all_of_the_image_and_tells_its_version(page, tmp_path):
    answer = page.get("/api/v1/samples/1/overview")
    assert answer.headers["content-type"] == "image/jpeg"
    whole, shown = read_image(tmp_path / "images/a.png"), pixels(answer)
    assert shown.shape == whole.shape
    means = [one.reshape(15, 20, 20, 20, 3).mean((1, 3)) for one in (whole, shown)]
    assert np.abs(means[0] - means[1]).mean() < 4
    version = page.get("/api/v1/samples/1/image").json()["version"]
    assert answer.headers["etag"] == f'"{version}"'


def test_an_image_is_opened_while_thumbnails_of_a_list_are_made(page, monkeypatch):
    """Thumbnails that never end would hold up all images if they had the same threads."""
    go_on = threading.Event()
    monkeypatch.setattr(Thumbnails, "get", lambda *_: go_on.wait(30) and b"")
    with ThreadPoolExecutor(8) as pool:
        try:
            waiting = [
                pool.submit(page.get, f"/api/v1/samples/{n}/thumbnail") for n in (1, 2, 3) * 2
            ]
            seen = pool.submit(page.get, "/api/v1/samples/1/tiles/0/0/0")
            assert seen.result(timeout=10).status_code == 200
            assert not any(one.done() for one in waiting)
        finally:
            go_on.set()


@pytest.mark.parametrize("path", ["tiles/0/0/0", "thumbnail", "overview"])
def test_a_picture_is_kept_for_good_under_its_version_and_asked_for_again_without(page, path):
    version = page.get("/api/v1/samples/1/image").json()["version"]
    where = f"/api/v1/samples/1/{path}"
    kept = page.get(f"{where}?v={version}")
    assert "immutable" in kept.headers["cache-control"]
    for address in (where, f"{where}?v=old"):
        asked = page.get(address)
        assert asked.headers["cache-control"] == "private, no-cache"
        again = page.get(address, headers={"If-None-Match": asked.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_a_changed_file_is_another_version(page, tmp_path):
    first = page.get("/api/v1/samples/1/tiles/0/0/0")
    write_png(tmp_path / "images/a.png", np.zeros((300, 400, 3), np.uint8))
    again = page.get(
        "/api/v1/samples/1/tiles/0/0/0", headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 200
    assert not pixels(again).any()


def test_a_window_is_part_of_the_address(page, tmp_path):
    write_png(tmp_path / "images/a.png", np.full((300, 400), 500, np.uint16))
    wide = pixels(page.get("/api/v1/samples/1/tiles/0/0/0?low=0&high=1000"))
    assert (wide == 128).all()
    for query in ("low=5&high=5", "low=nan", "low=x", "high=inf"):
        answer = page.get(f"/api/v1/samples/1/tiles/0/0/0?{query}")
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "status"),
    [("1/tiles/0/1/0", 404), ("1/tiles/1/0/0", 404), ("99/tiles/0/0/0", 404), ("99/image", 404),
     ("99/thumbnail", 404), ("99/overview", 404), ("1/tiles/-1/0/0", 422), ("1/tiles/0/x/0", 422),
     ("0/tiles/0/0/0", 422), ("99999999999999999999/image", 422),
     ("1/tiles/0/99999999999999999999999/0", 422), ("1/tiles/41/0/0", 422)],
)  # fmt: skip
def test_what_is_not_there_is_a_problem(page, path, status):
    answer = page.get(f"/api/v1/samples/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["tiles/0/0/0", "thumbnail", "overview", "image"])
@pytest.mark.parametrize(
    ("harm", "said"),
    [(lambda p: p.write_bytes(p.read_bytes()[:300]), "damaged"),
     (lambda p: p.write_bytes(b""), "empty"),
     (lambda p: p.write_bytes(b"GIF89a"), "not a PNG"),
     (lambda p: p.unlink(), "no such image"),
     (lambda p: write_png(p, np.zeros((30, 40, 3), np.uint8)), "size")],
)  # fmt: skip
def test_an_image_that_cannot_be_shown_is_a_problem(page, tmp_path, path, harm, said):
    harm(tmp_path / "images/a.png")
    answer = page.get(f"/api/v1/samples/1/{path}", headers={"If-None-Match": "*"})
    if said == "size" and path == "thumbnail":
        assert answer.status_code == 200
        return
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert page.get("/api/v1/samples/2/tiles/0/0/0").status_code == 200


def test_an_image_too_large_for_the_memory_is_a_problem(project_root):
    from starlette.testclient import TestClient

    from maskloom.faces.labelling.app import create_label_app

    with Project.open(project_root) as project:
        desk = Desk(project, memory=100_000)
        app = create_label_app(desk, port=1)
        with TestClient(app, base_url="http://localhost") as client:
            token = desk.sessions.invite("ann")
            client.post("/api/v1/session", json={"token": token})
            answer = client.get("/api/v1/samples/1/tiles/0/0/0")
            assert answer.status_code == 422
            assert "too large" in answer.json()["detail"]
