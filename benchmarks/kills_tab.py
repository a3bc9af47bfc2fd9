"""Kill the whole browser at random moments while gestures are made; count what is lost.

    python -m benchmarks.kills_tab [--kills 100] [--seed 0]

One profile lives through all kills, as a person's does. Every time Chromium starts anew, what is
in IndexedDB is read before the page runs; then the page sends it. A gesture that the page called
saved must be in the database at once; one that IndexedDB held must arrive, once. In some rounds
the network is away, so that much waits; in some two tabs are open, on two images or on one, whose
gestures the next page takes over; some kills come while the page is still starting.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from benchmarks.browsing import (
    ARGUMENTS,
    CHROMIUM,
    DRIVER,
    Ledger,
    integrity,
    make_project,
    plain,
    serving,
    stored_document,
    stored_operations,
    until_ready,
    versions,
    write_result,
)

from maskloom.store.project import Project

SIZE = (400, 600)
SAMPLES = 2
REST_MS = 25
DUMP = """async () => {
  const known = (await indexedDB.databases()).filter(({name}) => name.startsWith("maskloom/"));
  const all = await Promise.all(known.map(({name}) => new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const database = request.result;
      const rows = database.transaction("gestures").objectStore("gestures").getAll();
      rows.onsuccess = () => { database.close(); resolve(rows.result); };
      rows.onerror = () => reject(rows.error);
    };
  })));
  return all.flat().map(({op, state, sent}) => [op.id, state, sent]);
}"""


class Browser:
    """Chromium with one profile, in a process group that can be killed as a whole.

    Args:
        playwright: that connects to it.
        profile: folder that outlives it.
    """

    def __init__(self, playwright, profile: Path) -> None:
        self.playwright = playwright
        self.profile = profile
        self.process: subprocess.Popen[bytes] | None = None
        self.remote = None

    async def start(self):
        """Start it; returns its context."""
        port = self.profile / "DevToolsActivePort"
        port.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [CHROMIUM, "--headless=new", *ARGUMENTS, "--remote-debugging-port=0",
             "--window-size=1280,860", f"--user-data-dir={self.profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not port.exists() or "\n" not in port.read_text():
            if time.monotonic() > deadline:
                raise TimeoutError("Chromium did not start")
            await asyncio.sleep(0.02)
        number = port.read_text().split("\n")[0]
        self.remote = await self.playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{number}")
        return self.remote.contexts[0]

    def kill(self) -> None:
        """SIGKILL for all its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    async def close(self) -> None:
        """Let it end by itself, so that its cookies are on the disk."""
        session = await self.remote.new_browser_cdp_session()
        with suppress(Exception):
            await session.send("Browser.close")
        await asyncio.to_thread(self.process.wait, 30)


class Proof:
    """All rounds: what was seen and what is wrong.

    Args:
        root: the project.
        browser: started and killed again and again.
        address: of the server.
        seed: of everything random.
    """

    def __init__(self, root: Path, browser: Browser, address: str, seed: int) -> None:
        self.root, self.browser, self.address = root, browser, address
        self.dice = random.Random(seed)
        self.ledger = Ledger()
        self.held: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.starts: list[float] = []
        self.faults: list[str] = []

    async def sign_in(self, token: str) -> None:
        """Let the profile in, once."""
        context = await self.browser.start()
        page = await self.open(context, f"/#token={token}")
        await until_ready(page)
        await self.browser.close()

    async def open(self, context, place: str):
        """A page of the project with the driver in it."""
        page = await context.new_page()
        await page.add_init_script(DRIVER)
        self.ledger.watch(page)
        await page.goto(self.address + place)
        return page

    async def round(self) -> None:
        """Start, look, let the page send what is left, draw, kill, and check."""
        early = self.dice.random() < 0.2
        began = time.perf_counter()
        context = await self.browser.start()
        waiting = await self.look(context)
        pages = [await self.open(context, "/#/s/1")]
        if early:
            await asyncio.sleep(self.dice.uniform(0, 0.6))
            self.counts["killed while the page started"] += 1
        else:
            await until_ready(pages[0])
            self.starts.append(time.perf_counter() - began)
            await self.sent(pages[0], waiting)
            if self.dice.random() < 0.25:
                sample = self.dice.choice((1, 2))
                self.counts[f"with two tabs, on {('one image', 'two images')[sample - 1]}"] += 1
                pages.append(await self.open(context, f"/#/s/{sample}"))
                await until_ready(pages[1])
            await self.draw(context, pages)
        self.browser.kill()
        # What Chromium had written before it died is still to be read.
        await asyncio.sleep(0.05)
        self.counts["kills"] += 1
        self.check()

    async def look(self, context) -> list[str]:
        """What IndexedDB holds before the page runs."""
        page = await context.new_page()
        await page.goto(self.address + "/icon.svg")
        rows = await page.evaluate(DUMP)
        await page.close()
        ids = [one for one, _, _ in rows]
        self.held |= set(ids)
        self.counts["gestures found in IndexedDB after a kill"] += len(ids)
        self.counts["of them sent before, without an answer"] += sum(sent for _, _, sent in rows)
        log = stored_operations(self.root)
        self.counts["of them stored already"] += sum(one in log for one in ids)
        kept = self.ledger.kept - set(ids) - set(log) - set(self.ledger.decided)
        self.fault("kept in IndexedDB and neither there nor stored after a kill", kept)
        return ids

    async def sent(self, page, waiting: list[str]) -> None:
        """Wait until the page has sent what waited; all of it is stored, or shown as a conflict."""
        deadline = time.monotonic() + 60
        while True:
            standing = await page.evaluate("driver.standing()")
            if standing["stuck"] and not standing["waiting"]:
                await self.decide(page)
            elif not standing["waiting"] and standing["word"] == "saved":
                break
            if time.monotonic() > deadline:
                self.faults.append(f"not sent after a restart: {standing}")
                return
            await asyncio.sleep(0.03)
        log = stored_operations(self.root)
        lost = [one for one in waiting if one not in log and one not in self.ledger.decided]
        self.fault("held by IndexedDB and not stored after the restart", lost)

    async def decide(self, page) -> None:
        """Two tabs drew in one place: settle it on the page's card."""
        card = page.locator(".card.conflict")
        if not await card.count():
            await page.locator("#saved").click()
            await asyncio.sleep(0.3)
            return
        self.counts["conflicts of two tabs settled on the card"] += 1
        choice = self.dice.choice(("mine", "theirs", "both"))
        with suppress(Exception):
            await card.get_by_role("button", name=f"Keep {choice}").click(timeout=3000)
            return
        with suppress(Exception):
            await card.get_by_role("button", name="Keep theirs").click(timeout=3000)

    async def draw(self, context, pages) -> None:
        """Gestures until the moment of the kill."""
        if self.dice.random() < 0.35:
            self.counts["while offline"] += 1
            await context.set_offline(True)
        tasks = [
            asyncio.ensure_future(
                page.evaluate(
                    "([n, seed, rest]) => driver.play(n, seed, rest, true)",
                    [10_000, self.dice.getrandbits(32), REST_MS],
                )
            )
            for page in pages
        ]
        await asyncio.sleep(self.dice.uniform(0.02, 1.2))
        for task in tasks:
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def check(self) -> None:
        """What must be true at every moment."""
        log = stored_operations(self.root)
        wrong = [one for one, at in self.ledger.saved.items() if log.get(one) != at]
        self.fault("called saved by the page and not in the database", wrong)
        self.faults += integrity(self.root)
        with Project.open(self.root, readonly=True) as project:
            project.page()

    def fault(self, what: str, ids) -> None:
        """Note ids that should not be."""
        ids = list(ids)
        if ids:
            kinds = Counter(self.ledger.made.get(one, "?") for one in ids)
            self.faults.append(f"round {self.counts['kills']}: {what}: {dict(kinds)}, {ids[:3]}")

    async def finish(self) -> None:
        """One last start: everything is sent, and page and project agree."""
        context = await self.browser.start()
        waiting = await self.look(context)
        for sample in range(1, SAMPLES + 1):
            page = await self.open(context, f"/#/s/{sample}")
            await until_ready(page)
            await self.sent(page, waiting)
            shown = plain(await page.evaluate("driver.document()"))
            if shown != stored_document(self.root, sample)[0]:
                self.faults.append(f"sample {sample}: the page differs from the project")
        await self.browser.close()
        self.check()
        log = stored_operations(self.root)
        self.fault("stored but made by nobody", set(log) - set(self.ledger.made) - self.held)
        self.faults += self.ledger.faults

    def told(self) -> dict[str, object]:
        """The counts."""
        log = stored_operations(self.root)
        made = set(self.ledger.made) | self.held
        decided = set(self.ledger.decided)
        gone = made - set(log) - decided
        return {
            **dict(sorted(self.counts.items())),
            "operations made": len(made),
            "stored": len(log),
            "called saved by a page that was killed later": len(self.ledger.saved),
            "decided as conflicts of two tabs": len(decided),
            "killed before IndexedDB had them": len(gone),
            "median_start_s": round(sorted(self.starts)[len(self.starts) // 2], 2),
        }


async def prove(root: Path, profile: Path, kills: int, seed: int) -> dict[str, object]:
    """All rounds on one project and one profile."""
    from playwright.async_api import async_playwright

    with serving(root) as server:
        async with async_playwright() as playwright:
            proof = Proof(root, Browser(playwright, profile), server.address, seed)
            await proof.sign_in(server.token)
            try:
                while proof.counts["kills"] < kills and len(proof.faults) < 20:
                    await proof.round()
                await proof.finish()
            finally:
                with suppress(ProcessLookupError):
                    proof.browser.kill()
    return {**proof.told(), "failures": proof.faults}


def chromium_version() -> str:
    """As the program tells it."""
    said = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[1]


def run(kills: int, seed: int) -> dict[str, object]:
    """Kill so often; return the counts."""
    with tempfile.TemporaryDirectory(prefix="maskloom-tab-", ignore_cleanup_errors=True) as folder:
        root = make_project(Path(folder), "rows", SIZE, SAMPLES)
        told = asyncio.run(prove(root, Path(folder) / "profile", kills, seed))
    return {"versions": versions(chromium_version()), "seed": seed, **told}


def main() -> None:
    """Run and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results/kills_tab.json"
    )
    asked = parser.parse_args()
    began = time.perf_counter()
    result = run(asked.kills, asked.seed)
    write_result(asked.out, result, began)
    sys.exit(1 if result["failures"] else 0)


if __name__ == "__main__":
    main()
