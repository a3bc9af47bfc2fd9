"""Kill the label server at random moments while several pages save; count what is lost.

    python -m benchmarks.kills_server [--kills 100] [--seed 0] [--out FILE]

Four pages draw, repaint and delete objects as fast as the server answers, each keeping what was
not answered and sending it again after the restart, as a browser does. After every SIGKILL the
database is checked by SQLite and must hold every answered operation under the number that was
answered; at the end the documents must equal what the pages have. A kill comes after a random
number of answers, at times none, so that a slow machine sees as much saving between kills as a
quick one; one in five comes while the server is still starting.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx2
import numpy as np

from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.edits import gestures, operations
from maskloom.edits.document import Document, apply
from maskloom.edits.tiles import mask_to_tiles
from maskloom.store.images import write_png
from maskloom.store.project import Project, database, samples

SIZE = (600, 800)
PAGES = 4
PATIENCE_S = 120
LINE = re.compile(r"address  (http://127\.0\.0\.1:\d+)/#token=([\w-]+)\n")


class Server:
    """The process, started anew after every kill, always on one port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start; `wait` waits until it serves."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "maskloom", "label", str(self.root), "--no-browser",
             "--port", str(self.port), "--user", "ann"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait(self) -> None:
        """Until it serves."""
        said = ""
        while "The address lets" not in said:
            line = self.process.stdout.readline()
            if not line:
                _, err = self.process.communicate()
                raise SystemExit(
                    f"the server did not start: exit {self.process.returncode}, {said!r}, {err}"
                )
            said += line
        self.token = LINE.search(said)[2]

    def kill(self) -> None:
        """SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


class Page(threading.Thread):
    """Somebody who labels one sample; only this page does."""

    def __init__(self, server: Server, cookies, sample: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.client = httpx2.Client(
            base_url=server.address, cookies=cookies, headers={"Origin": server.address}, timeout=30
        )
        self.sample = sample
        self.random = np.random.default_rng(seed)
        self.document = Document(SIZE, "rows")
        self.acknowledged: dict[str, tuple[int, int]] = {}
        self.pending: operations.Operation | None = None
        self.stored_unanswered = 0
        self.sent_anew = 0
        self.fault = ""
        self.up = threading.Event()
        self.over = threading.Event()

    def run(self) -> None:
        """Draw until told that it is over."""
        while not self.over.is_set():
            if not self.up.wait(0.05):
                continue
            again = self.pending is not None
            if not again:
                self.pending = self.gesture()
            self.send(self.pending, again=again)

    def send(self, op: operations.Operation, *, again: bool) -> None:
        """Send one operation; what is not answered stays pending."""
        body = {"sample": self.sample, "op": operations.to_json(op)}
        try:
            answer = self.client.post("/api/v1/ops", json=body)
        except httpx2.HTTPError:
            self.up.clear()
            return
        if answer.status_code != 200:
            self.fault = self.fault or f"{answer.status_code}: {answer.text[:300]}"
            self.over.set()
            return
        told = answer.json()
        self.stored_unanswered += again and told["repeated"]
        self.sent_anew += again and not told["repeated"]
        self.acknowledged[op.id] = (told["seq"], told["revision"])
        self.document = apply(self.document, op)
        self.pending = None

    def gesture(self) -> operations.Operation:
        """A new object, other pixels for one, or one less."""
        uids = list(self.document.objects)
        pick = self.random.random()
        if not uids or (pick < 0.5 and len(uids) < 40):
            change = gestures.create_object(operations.new_uid(), self.blot(), "car")
        else:
            uid = uids[self.random.integers(len(uids))]
            change = (
                gestures.replace_pixels(self.document, uid, self.blot())
                if pick < 0.8
                else gestures.delete_object(uid)
            )
        return gestures.make(self.document, "main", "brush", [change])

    def blot(self):
        """A noisy square."""
        x, y, side = (int(v) for v in self.random.integers((0, 0, 10), (700, 500, 100)))
        pixels = np.zeros((1, *SIZE), bool)
        pixels[0, y : y + side, x : x + side] = self.random.random((side, side)) < 0.7
        return mask_to_tiles(Masks.from_dense(pixels))


def make_project(folder: Path) -> Path:
    """A project of one image for each page."""
    found = []
    for i in range(PAGES):
        path = folder / f"images/{i}.png"
        write_png(path, np.full((*SIZE, 3), 40 * i, np.uint8))
        found.append(Sample(str(i), ImageRef(path, SIZE), file_name=path.name))
    root = folder / "project"
    taxonomy = Taxonomy((Category("car", "Car"),))
    with Project.create(root, taxonomy=taxonomy) as project, database.write(project) as connection:
        samples.add(connection, project.layout, found)
    return root


def check(root: Path, pages: list[Page]) -> list[str]:
    """What is wrong with the database of a killed server."""
    connection = sqlite3.connect(root / "labels.sqlite")
    try:
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
        rows = connection.execute("SELECT op_id, seq, revision FROM op").fetchall()
    finally:
        connection.close()
    stored = {op_id: (seq, revision) for op_id, seq, revision in rows}
    faults = [] if sound == "ok" else [f"integrity: {sound}"]
    for page in pages:
        lost = [one for one, where in page.acknowledged.items() if stored.get(one) != where]
        faults += [f"lost: {one}" for one in lost]
    sent = {one for page in pages for one in page.acknowledged}
    sent |= {page.pending.id for page in pages if page.pending}
    faults += [f"unknown: {one}" for one in stored if one not in sent]
    return faults


def compare(root: Path, pages: list[Page]) -> list[str]:
    """Whether the project holds what the pages have."""
    with Project.open(root) as project:
        return [
            f"sample {page.sample} differs"
            for page in pages
            if project.document(page.sample, "main") != page.document
        ]


def enter(server: Server):
    """The cookies of a browser that was let in."""
    with httpx2.Client(base_url=server.address, headers={"Origin": server.address}) as client:
        answer = client.post("/api/v1/session", json={"token": server.token})
        answer.raise_for_status()
        return dict(client.cookies)


def run(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Kill so often; return the counts."""
    dice = random.Random(seed)
    root = make_project(folder)
    server = Server(root)
    server.start()
    server.wait()
    cookies = enter(server)
    pages = [Page(server, cookies, i + 1, seed * 100 + i) for i in range(PAGES)]
    for page in pages:
        page.start()
    faults: list[str] = []
    starts: list[float] = []
    early = done = waited_for = 0
    while done < kills and not faults:
        for page in pages:
            page.up.set()
        wanted = dice.choice((0, 1, 2, 5, 10, 20, 40))
        waited_for += wanted
        faults += wait_for_answers(pages, wanted)
        # Not always right after an answer.
        time.sleep(dice.uniform(0.0, 0.05))
        server.kill()
        done += 1
        while done < kills and dice.random() < 0.2:
            server.start()
            time.sleep(dice.uniform(0.0, 1.5))
            server.kill()
            done, early = done + 1, early + 1
        for page in pages:
            page.up.clear()
        time.sleep(0.05)
        faults += check(root, pages) + [page.fault for page in pages if page.fault]
        began = time.perf_counter()
        server.start()
        server.wait()
        starts.append(time.perf_counter() - began)
    faults += finish(server, pages, root)
    return {
        "kills": done, "while_starting": early, "seed": seed, "pages": PAGES,
        "waited_for": waited_for,
        "acknowledged": sum(len(page.acknowledged) for page in pages),
        "stored_but_not_answered": sum(page.stored_unanswered for page in pages),
        "neither_stored_nor_answered": sum(page.sent_anew for page in pages),
        "median_start_s": round(float(np.median(starts)), 2),
        "faults": faults,
    }  # fmt: skip


def wait_for_answers(pages: list[Page], wanted: int) -> list[str]:
    """Until so many more operations were answered; says so if they never are."""
    start = sum(len(page.acknowledged) for page in pages)
    deadline = time.monotonic() + PATIENCE_S
    while sum(len(page.acknowledged) for page in pages) - start < wanted:
        if time.monotonic() > deadline or any(page.fault for page in pages):
            return [f"fewer than {wanted} answers in {PATIENCE_S} s, or one was refused"]
        time.sleep(0.002)
    return []


def finish(server: Server, pages: list[Page], root: Path) -> list[str]:
    """Send what is pending, stop in order, and compare every document."""
    for page in pages:
        page.up.set()
    deadline = time.monotonic() + 60
    while any(page.pending for page in pages) and time.monotonic() < deadline:
        for page in pages:
            page.over.set()
            page.join()
            if page.pending:
                page.send(page.pending, again=True)
    for page in pages:
        page.client.close()
    server.process.send_signal(signal.SIGTERM)
    server.process.communicate(timeout=30)
    return check(root, pages) + compare(root, pages)


def main() -> None:
    """Run and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results/kills_server.json"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder), asked.kills, asked.seed)
    text = json.dumps(result, indent=1)
    print(text)
    asked.out.write_text(text + "\n")
    sys.exit(1 if result["faults"] else 0)


if __name__ == "__main__":
    main()
