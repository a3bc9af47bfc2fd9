from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskloom.faces.signature import load_verb
from maskloom.verbs import VERBS, Verb


@pytest.fixture
def toys(monkeypatch):
    """Two toy verbs in the table: a short one, and a long one that fails."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setitem(VERBS, "copy", Verb("maskloom_toys:copy", "copy a thing"))
    monkeypatch.setitem(VERBS, "fail", Verb("maskloom_toys:fail", "fail", long=True))
    return {name: load_verb(name) for name in ("copy", "fail")}


def make_project(folder: Path, images, *, taxonomy=None, name="cells") -> Path:
    """A project at FOLDER/project of images written to FOLDER/images; labels there are none.

    Args:
        images: file name → array.
    """
    from maskloom.core.sample import ImageRef, Sample, sample_key
    from maskloom.core.taxonomy import Category, Taxonomy
    from maskloom.store.images import image_size, write_png
    from maskloom.store.project import Project, database, samples

    taxonomy = taxonomy or Taxonomy((Category("car", "Car"), Category("road", "Road", "stuff")))
    found = []
    for file_name, array in images.items():
        path = folder / "images" / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(array, bytes):
            path.write_bytes(array)
        else:
            write_png(path, array)
        size = image_size(path)
        found.append(Sample(sample_key(file_name), ImageRef(path, size), file_name=file_name))
    root = folder / "project"
    with (
        Project.create(root, name=name, taxonomy=taxonomy) as project,
        database.write(project) as connection,
    ):
        samples.add(connection, project.layout, found)
    return root


@pytest.fixture
def project_root(tmp_path):
    """A project of three small images."""
    rng = np.random.default_rng(0)
    images = {
        f"{name}.png": rng.integers(0, 256, (300, 400, 3), np.uint8) for name in ("a", "b", "c")
    }
    return make_project(tmp_path, images)


class Page:
    """What a browser does: keeps the cookie, says its origin."""

    def __init__(self, client, origin):
        self.client = client
        self.origin = origin

    def get(self, path, **options):
        return self.client.get(path, **options)

    def post(self, path, body, **options):
        headers = {"Origin": self.origin, **options.pop("headers", {})}
        return self.client.post(path, json=body, headers=headers, **options)

    def enter(self, token):
        return self.post("/api/v1/session", {"token": token})


@pytest.fixture
def desk(project_root):
    from maskloom.labelling.desk import Desk
    from maskloom.store.project import Project

    with Project.open(project_root) as project:
        yield Desk(project, memory=64 << 20)


ADDRESS = "http://127.0.0.1:8471"


@pytest.fixture
def stranger(desk):
    """A browser that was not let in."""
    from starlette.testclient import TestClient

    from maskloom.faces.labelling.app import create_label_app

    app = create_label_app(desk, port=8471)
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        yield Page(client, ADDRESS)


@pytest.fixture
def page(desk, stranger):
    """A browser that was let in."""
    assert stranger.enter(desk.sessions.invite("ann")).status_code == 200
    return stranger
