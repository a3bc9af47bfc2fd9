"""What the proofs with real browsers share: a project, its server, pages and their account.

Pages get `driver.js`, which plays gestures and tells what becomes of each operation; a `Ledger`
keeps what was told. Nothing here is a proof; see two_browsers.py, kills_tab.py and loop.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import platform
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np
from benchmarks.kills_server import Server

from maskloom.core.dataset import Dataset
from maskloom.core.labels import VOID, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.store.images import write_png
from maskloom.store.project import Project
from maskloom.version import __version__

CHROMIUM = shutil.which("chromium") or "chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
DRIVER = Path(__file__).with_name("driver.js").read_text(encoding="utf-8")
VIEWPORT = {"width": 1280, "height": 860}
TAXONOMY = Taxonomy(
    (Category("car", "Car"), Category("sky", "Sky"), Category("tree", "Tree"),
     Category("void", "Void", void=True))
)  # fmt: skip
_KNOWN = ("Failed to load resource", "net::ERR_")


def make_project(folder: Path, form: str, size: tuple[int, int], samples: int = 1) -> Path:
    """A project of noisy images, each with blots of the three classes.

    Args:
        folder: of the images and the project.
        form: rows, where blots are objects that overlap, or map.
        size: of the images, H and W.
        samples: how many.
    """
    rng = np.random.default_rng(7)
    found, held = [], {}
    for i in range(samples):
        path = folder / f"images/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(60, 200, (size[0] // 8 + 1, size[1] // 8 + 1, 3), dtype=np.uint8)
        write_png(
            path, np.ascontiguousarray(coarse.repeat(8, 0).repeat(8, 1)[: size[0], : size[1]])
        )
        blots = np.stack([_blot(rng, size) for _ in range(18)])
        kinds = [int(v) for v in rng.integers(0, 3, len(blots))]
        if form == "map":
            pixels = np.full(size, VOID, np.uint8)
            for kind, blot in zip(kinds, blots, strict=True):
                pixels[blot] = kind
            held[str(i)] = Labels(size, class_map=pixels)
        else:
            held[str(i)] = Labels(size, rows=Rows.make(Masks.from_dense(blots), kinds))
        found.append(Sample(str(i), ImageRef(path, size), file_name=path.name))
    root = folder / "project"
    dataset = Dataset(TAXONOMY, tuple(found), lambda sample: held[sample.key], name="blots")
    with Project.create(root) as project:
        project.add(dataset, "main")
    return root


def _blot(rng, size):
    y, x = np.ogrid[: size[0], : size[1]]
    cy, cx = rng.uniform(0, size[0]), rng.uniform(0, size[1])
    a, b = rng.uniform(15, 110, 2)
    return ((y - cy) / a) ** 2 + ((x - cx) / b) ** 2 <= 1


@contextlib.contextmanager
def serving(root: Path):
    """A label server of a project on a port of its own; `address` and a `token` are its."""
    server = Server(root)
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.communicate(timeout=30)
        except Exception:
            server.process.kill()
            raise


class Ledger:
    """What pages told of their operations, by id.

    Attributes:
        made: id → kind, of every gesture that became an operation.
        kept: safe in IndexedDB.
        saved: id → revision, where the page says that it is saved.
        collided: shown as a conflict.
        decided: id → (choice, whether the conflict was on the screen).
        faults: errors of scripts and what they logged as errors.
    """

    def __init__(self) -> None:
        self.made: dict[str, str] = {}
        self.kept: set[str] = set()
        self.saved: dict[str, int] = {}
        self.collided: set[str] = set()
        self.decided: dict[str, tuple[str, bool]] = {}
        self.baseless: list[tuple[str, str]] = []
        self.faults: list[str] = []

    def watch(self, page) -> None:
        """Listen to a page."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))

    def _hear(self, message) -> None:
        text = message.text
        if text.startswith("proof "):
            self.note(*json.loads(text[6:]))
        elif message.type == "error" and not any(known in text for known in _KNOWN):
            self.faults.append(f"console: {text}")

    def note(self, what: str, value) -> None:
        """One line of the account."""
        if what == "made":
            self.made[value[0]] = value[1]
        elif what == "kept":
            self.kept.add(value)
        elif what == "saved":
            self.saved[value[0]] = value[1]
        elif what == "collided":
            self.collided.add(value)
        elif what == "baseless":
            self.baseless.append(tuple(value))
        elif what == "decided":
            self.decided |= dict.fromkeys(value[2], (value[0], value[1]))


async def enter(context, ledger: Ledger, url: str):
    """A page of a context with the driver in it, once its image can be drawn on."""
    await context.add_init_script(DRIVER)
    page = await context.new_page()
    ledger.watch(page)
    await page.goto(url)
    await until_ready(page)
    return page


async def until_ready(page) -> None:
    """Wait until an image is open; the page's policy forbids Playwright's own waiting."""
    deadline = time.monotonic() + 60
    while not await page.evaluate("window.driver?.ready() === true"):
        if time.monotonic() > deadline:
            raise TimeoutError("the page did not open its image")
        await asyncio.sleep(0.05)


async def invite(page, author: str) -> str:
    """An address that lets one more browser in."""
    return await page.evaluate(
        """async (author) => (await (await fetch("/api/v1/session/invite", {
          method: "POST", headers: {"content-type": "application/json"},
          body: JSON.stringify({author})})).json()).url""",
        author,
    )


def plain(document) -> dict[str, object]:
    """What a document says, in one form for page and project, however it came about."""
    out = json.loads(json.dumps(document))
    del out["revision"]
    for part in ("objects", "deleted"):
        out[part] = {one["id"]: one for one in out[part]}
        for one in out[part].values():
            one.pop("box", None), one.pop("area", None)
    return out


def stored_document(root: Path, sample: int, layer: str = "main"):
    """(what the project holds, its revision), read anew."""
    with Project.open(root, readonly=True) as project:
        told = project.document(sample, layer).to_json()
        return plain(told), told["revision"]


def stored_operations(root: Path) -> dict[str, int]:
    """Id → revision of every operation in the database; each stands there once."""
    connection = sqlite3.connect(root / "labels.sqlite")
    try:
        rows = connection.execute("SELECT op_id, revision FROM op").fetchall()
    finally:
        connection.close()
    assert len({one for one, _ in rows}) == len(rows), "an operation is stored twice"
    return dict(rows)


def integrity(root: Path) -> list[str]:
    """What SQLite finds wrong with the database."""
    connection = sqlite3.connect(root / "labels.sqlite")
    try:
        said = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    finally:
        connection.close()
    return [] if said == ["ok"] else said


def versions(browser: str = "") -> dict[str, str]:
    """What a result was measured with."""
    from importlib.metadata import version

    return {
        "maskloom": __version__,
        "python": platform.python_version(),
        "playwright": version("playwright"),
        "chromium": browser,
    }


def write_result(path: Path, result, began: float) -> None:
    """Write and print a result, with the seconds since `began` (`time.perf_counter`)."""
    text = json.dumps({**result, "seconds": round(time.perf_counter() - began, 1)}, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    print(text)
