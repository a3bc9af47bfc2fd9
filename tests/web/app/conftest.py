"""The real page in a real browser on a real `maskloom label` server of a generated project."""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.store.images import write_png
from maskloom.store.project import Project

HEIGHT, WIDTH = 300, 400
TAXONOMY = Taxonomy(
    (
        Category("cell", "Cell", color=(230, 60, 60)),
        Category("debris", "Debris", color=(60, 120, 230)),
        Category("unclear", "Unclear", "stuff", color=(120, 120, 120), void=True),
    )
)
BOXES = [(40, 40, 120, 110), (200, 60, 290, 150), (90, 180, 180, 260)]


def box_masks(boxes) -> Masks:
    """One filled box per object: x0, y0, x1, y1."""
    dense = np.zeros((len(boxes), HEIGHT, WIDTH), bool)
    for mask, (x0, y0, x1, y1) in zip(dense, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    return Masks.from_dense(dense) if boxes else Masks.empty(0, (HEIGHT, WIDTH))


def rows(boxes, categories, **columns) -> Labels:
    """Labels of boxes."""
    made = Rows.make(box_masks(boxes), np.array(categories, np.int32), **columns)
    return Labels((HEIGHT, WIDTH), rows=made)


def make_samples(folder: Path, names) -> tuple[Sample, ...]:
    """Images of soft noise, written to a folder."""
    rng = np.random.default_rng(7)
    found = []
    for name in names:
        path = folder / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(60, 200, (HEIGHT // 10, WIDTH // 10, 3), np.uint8)
        write_png(path, np.kron(pixels, np.ones((10, 10, 1), np.uint8)))
        found.append(Sample(name, ImageRef(path, (HEIGHT, WIDTH)), file_name=f"{name}.png"))
    return tuple(found)


def make_project(folder: Path, layers, *, taxonomy=TAXONOMY, name="cells") -> Path:
    """A project at FOLDER/project.

    Args:
        layers: layer → {key of a sample: its labels}; all name the same samples.
    """
    keys = list(next(iter(layers.values())))
    samples = make_samples(folder, keys)
    root = folder / "project"
    with Project.create(root, name=name, taxonomy=taxonomy) as project:
        for layer, said in layers.items():
            dataset = Dataset(taxonomy, samples, lambda sample, said=said: said[sample.key])
            project.add(dataset, layer, immutable=layer.startswith("model/"))
    return root


class LabelServer:
    """`maskloom label` as a process that can be killed and started again at the same port."""

    def __init__(self, root: Path, *words: str) -> None:
        self.root = root
        self.words = words
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.client = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
        self.start()
        self.call("/session", {"token": self.token})

    def start(self) -> None:
        command = [sys.executable, "-m", "maskloom", "label", str(self.root), "--no-browser",
                   "--port", str(self.port), "--user", "ann", *self.words]  # fmt: skip
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
        )
        assert self.process.stdout is not None
        said: list[str] = []
        while not (said and said[-1].startswith("The address lets")):
            line = self.process.stdout.readline()
            if not line:
                self.process.communicate()
                raise AssertionError("".join(said))
            said.append(line)
        found = re.search(r"#token=([\w-]+)", "".join(said))
        assert found
        self.token = found[1]

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.communicate(timeout=30)

    def call(self, path: str, body: object = None):
        """The JSON answer of the REST interface, as the user ann."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Origin": self.address, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}/api/v1{path}", data, headers)
        with contextlib.closing(self.client.open(request, timeout=30)) as answer:
            return json.loads(answer.read())

    def link(self, author: str = "ann", place: str = "") -> str:
        """An address that lets one more browser in."""
        url = self.call("/session/invite", {"author": author})["url"]
        return url + (f"&go={place.removeprefix('#')}" if place else "")

    def document(self, sample: int, layer: str = "main"):
        """What the server says of a sample."""
        return self.call(f"/samples/{sample}/document?layer={layer}")

    def operations(self, sample: int, layer: str = "main", after: int = 1):
        """Operations since the import."""
        return self.call(f"/ops?sample={sample}&layer={layer}&after={after}")["ops"]


@contextlib.contextmanager
def serving(root: Path, *words: str) -> Iterator[LabelServer]:
    server = LabelServer(root, *words)
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill(signal.SIGTERM)


class Tab:
    """One page, and the words in which tests speak of it; points are px of the image."""

    def __init__(self, page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._note)

    def _note(self, message) -> None:
        # A server that is away is told by the browser itself; everything else is a fault.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def open(self, link: str) -> Tab:
        self.page.goto(link)
        return self.ready()

    def wait(self, expression: str, seconds: float = 20) -> Tab:
        """Until an expression is true; the page's policy forbids Playwright's own waiting."""
        until = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < until, f"not true within {seconds} s: {expression}"
            self.page.wait_for_timeout(20)
        return self

    def ready(self) -> Tab:
        return self.wait("window.maskloom?.store.state.phase === 'ready'")

    def go(self, sample: int, layer: str = "main") -> Tab:
        """Open an image that no other test uses."""
        self.page.evaluate("(route) => maskloom.goTo(route)", {"sample": sample, "layer": layer})
        return self.wait(
            "maskloom.store.state.phase === 'ready' && maskloom.opened.document !== null && "
            f"maskloom.opened.sample === {sample} && maskloom.opened.layer === {json.dumps(layer)}"
        )

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the image is on the page."""
        return tuple(
            self.page.evaluate(
                """([x, y]) => {
                  const box = document.getElementById("stage").getBoundingClientRect();
                  const at = maskloom.view.imageToScreen({ x, y });
                  return [box.left + at.x, box.top + at.y];
                }""",
                [x, y],
            )
        )

    def key(self, *keys: str) -> Tab:
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def click(self, *points) -> Tab:
        for point in points:
            self.page.mouse.click(*self.at(*point))
        return self

    def drag(self, *points) -> Tab:
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=5)
        self.page.mouse.up()
        return self

    def saved(self) -> Tab:
        """Wait until the server has confirmed everything."""
        return self.wait(
            "maskloom.sender.status().word === 'saved' && maskloom.outbox.entries.length === 0"
        )

    def value(self, expression: str):
        return self.page.evaluate(expression)

    def shown(self):
        """The document of the page, in the server's form."""
        return self.page.evaluate("maskloom.opened.document.toJSON()")

    def words(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()


def strokes(tab, points):
    """Short brush strokes, each a new object."""
    tab.key("b")
    for point in points:
        tab.key("n").drag(point, (point[0] + 20, point[1]))
    return tab


def areas(server, sample=1):
    """Of all objects that the server holds, in px, sorted."""
    return sorted(one["area"] for one in server.document(sample)["objects"])


@pytest.fixture
def new_tab(browser):
    """Makes pages, each in a browser context of its own or in a given one."""
    contexts = []
    tabs = []

    def make(context=None, **options) -> Tab:
        if context is None:
            context = browser.new_context(viewport={"width": 1200, "height": 800}, **options)
            contexts.append(context)
        tab = Tab(context.new_page())
        tabs.append(tab)
        return tab

    yield make
    for context in contexts:
        context.close()
    assert [fault for tab in tabs for fault in tab.faults] == []


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """What tests that build projects of their own need."""
    return SimpleNamespace(
        boxes=BOXES, rows=rows, make_project=make_project, serving=serving, Tab=Tab
    )


@pytest.fixture
def own_server(tmp_path):
    """A server of two images that the test may kill."""
    layers = {"main": {key: rows(BOXES, [0, 1, 0]) for key in ("a", "b")}}
    with serving(make_project(tmp_path, layers)) as server:
        yield server


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    """A server for tests that each take images of their own."""
    keys = [f"plate {n:02}" for n in range(1, 81)]
    boxes = [(45, 40, 125, 110), (300, 200, 360, 260)]
    predicted = rows(boxes, [0, 1], score=np.array([0.9, 0.8]))
    root = make_project(
        tmp_path_factory.mktemp("page"),
        {
            "main": {key: rows(BOXES, [0, 1, 0]) for key in keys},
            "model/net@ab12": dict.fromkeys(keys, predicted),
        },
    )
    with serving(root) as server:
        yield server


_taken = iter(range(1, 81))


@pytest.fixture
def sample() -> int:
    """An image of the shared server that no other test uses."""
    return next(_taken)


@pytest.fixture
def tab(new_tab, shared_server, sample) -> Tab:
    """The page at an image of its own."""
    return new_tab().open(shared_server.link(place=f"#/s/{sample}")).go(sample)
