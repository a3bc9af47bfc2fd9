"""Two browsers label one image at once; both, the database and a third must agree bit for bit.

    python -m benchmarks.two_browsers [--operations 2000] [--form rows|map|both] [--seed 0]

Two people, one let in by the other's invitation, draw, erase, delete, reclassify, undo and redo
at random, now and then without a network or with a page that is loaded anew. Gestures are pointer,
key and click events on the page's own elements (see driver.js); conflicts are settled by the mouse
on the page's own card, at random. Every operation must be in the log or have been on that card.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.browsing import (
    ARGUMENTS,
    CHROMIUM,
    VIEWPORT,
    Ledger,
    enter,
    integrity,
    invite,
    make_project,
    plain,
    serving,
    stored_document,
    stored_operations,
    until_ready,
    versions,
    write_result,
)
from playwright.async_api import TimeoutError as PlaywrightTimeout

SIZES = {"rows": (700, 1000), "map": (1100, 1500)}
REST_MS = 30
CHOICES = ("mine", "theirs", "both")
SETTLE_S = 180
CLASHING = 10


class Person:
    """Somebody at a browser of their own.

    Args:
        name: of the author.
        context: of the browser.
        page: with the image open.
        ledger: of both people.
        seed: of what they do.
    """

    def __init__(self, name, context, page, ledger: Ledger, seed: int) -> None:
        self.name, self.context, self.page, self.ledger = name, context, page, ledger
        self.dice = random.Random(seed)
        self.online = True
        self.counts: Counter[str] = Counter()

    async def work(self, enough) -> None:
        """Draw until it is enough."""
        while not enough():
            gestures = self.dice.randint(3, 20)
            await self.page.evaluate(
                "([n, seed, rest, left]) => driver.play(n, seed, rest, left)",
                [gestures, self.dice.getrandbits(32), REST_MS, self.name == "ann"],
            )
            self.counts["gestures"] += gestures
            await self.wander()
            if self.dice.random() < 0.5:
                await self.decide()
        await self.go_online()

    async def wander(self) -> None:
        """Lose the network or get it back; at times load the page anew."""
        if not self.online:
            if self.dice.random() < 0.5:
                await self.go_online()
        elif self.dice.random() < 0.12:
            self.counts["offline phases"] += 1
            self.online = False
            await self.context.set_offline(True)
        elif self.dice.random() < 0.05:
            self.counts["reloads"] += 1
            await self.page.reload()
            await until_ready(self.page)

    async def go_online(self) -> None:
        """The network is there."""
        self.online = True
        await self.context.set_offline(False)

    async def decide(self) -> bool:
        """Settle what is on the conflict card, if anything is."""
        card = self.page.locator(".card.conflict")
        if not self.online or not await card.count():
            return False
        standing = await self.page.evaluate("driver.standing()")
        if standing["refused"]:
            self.ledger.faults.append(f"refused: {standing['refused']}")
            await card.get_by_role("button", name="Drop it").click()
            return True
        choice = self.dice.choice(CHOICES)
        button = card.get_by_role("button", name=f"Keep {choice}")
        try:
            await button.click(timeout=5000)
            self.counts[f"kept {choice}"] += 1
        except PlaywrightTimeout:
            # The card may have gone with the page's last answer, or has no base to show any more.
            if await card.count():
                await card.get_by_role("button", name="Keep theirs").click(timeout=20_000)
                self.counts["kept theirs, no base"] += 1
        await self.page.wait_for_timeout(50)
        return True

    async def settle(self) -> dict[str, object]:
        """Decide and wait until all is saved; then where the page stands."""
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            if not await self.decide():
                standing = await self.page.evaluate("driver.standing()")
                if not standing["waiting"] and not standing["stuck"]:
                    return standing
            await self.page.wait_for_timeout(100)
        return await self.page.evaluate("driver.standing()")


async def play(root: Path, operations: int, seed: int) -> dict[str, object]:
    """One image, two people, so many operations; the account and what is wrong."""
    from playwright.async_api import async_playwright

    ledger = Ledger()
    with serving(root) as server:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=list(ARGUMENTS)
            )
            contexts = [await browser.new_context(viewport=VIEWPORT) for _ in range(3)]
            url = f"{server.address}/#token={server.token}&go=/s/1"
            first = await enter(contexts[0], ledger, url)
            second = await enter(contexts[1], ledger, await invite(first, "bob") + "&go=/s/1")
            people = [
                Person("ann", contexts[0], first, ledger, 2 * seed),
                Person("bob", contexts[1], second, ledger, 2 * seed + 1),
            ]
            began = time.perf_counter()
            await clash(people, seed)
            await asyncio.gather(*(one.work(lambda: drawn(ledger) >= operations) for one in people))
            drawing = time.perf_counter() - began
            faults = await agree(root, people)
            third = await enter(contexts[2], ledger, await invite(first, "eve") + "&go=/s/1")
            faults += await compare(root, [first, second, third])
            faults += account(root, ledger) + ledger.faults
            version = browser.version
            await browser.close()
    faults += integrity(root)
    return {**told(people, ledger), "drawing_s": round(drawing, 1), "chromium": version,
            "failures": faults}  # fmt: skip


async def clash(people: list[Person], seed: int) -> None:
    """Both do the same without a network, so that whatever else happens something collides."""
    for one in people:
        await one.context.set_offline(True)
        await one.page.evaluate(
            "([n, seed]) => driver.play(n, seed, 0, true)", [CLASHING, seed + 12]
        )
    for one in people:
        await one.context.set_offline(False)


def drawn(ledger: Ledger) -> int:
    """Operations that were gestures, not decisions."""
    return sum(kind != "merge" for kind in ledger.made.values())


async def agree(root: Path, people: list[Person]) -> list[str]:
    """Settle everything, one after the other until nobody has anything left."""
    for _ in range(20):
        standings = [await one.settle() for one in people]
        head = stored_document(root, 1)[1]
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            standings = [await one.page.evaluate("driver.standing()") for one in people]
            if all(s["revision"] == head and not s["ahead"] for s in standings):
                return []
            if any(s["waiting"] or s["stuck"] for s in standings):
                break
            await asyncio.sleep(0.2)
    return [f"not settled: {standings}, the project is at {head}"]


async def compare(root: Path, pages) -> list[str]:
    """Whether the pages and the project say and show the same."""
    stored, revision = stored_document(root, 1)
    faults = []
    names = ("ann's page", "bob's page", "a fresh page")
    pictures = []
    for name, page in zip(names, pages, strict=True):
        shown = plain(await page.evaluate("driver.document()"))
        if shown != stored:
            faults.append(f"{name} differs from revision {revision}: {difference(shown, stored)}")
        picture = await page.evaluate("driver.picture()")
        pictures.append(hashlib.sha256(picture.encode()).hexdigest())
    faults += [
        f"{name} draws another picture than a fresh page"
        for name, picture in zip(names, pictures, strict=True)
        if picture != pictures[-1]
    ]
    return faults


def difference(shown, stored) -> str:
    """Where two documents differ, in short."""
    out = [name for name in ("form", "size", "fields", "created") if shown[name] != stored[name]]
    for part in ("objects", "deleted"):
        a, b = shown[part], stored[part]
        out += [f"{part} {uid}" for uid in sorted(a.keys() | b.keys()) if a.get(uid) != b.get(uid)]
    return ", ".join(out[:8])


def account(root: Path, ledger: Ledger) -> list[str]:
    """Every operation is in the log, or was shown as a conflict and decided."""
    log = stored_operations(root)
    vanished = [one for one in ledger.made if one not in log and one not in ledger.decided]
    both = [one for one in ledger.decided if one in log]
    foreign = [one for one in log if one not in ledger.made]
    unseen = [one for one, (_, seen) in ledger.decided.items() if not seen]
    unsaved = [one for one in ledger.saved if log.get(one) != ledger.saved[one]]
    return [
        f"{what}: {len(ids)}, such as {ids[0]} ({ledger.made.get(ids[0])})"
        for what, ids in (
            ("vanished", vanished),
            ("decided although stored", both),
            ("stored but made by nobody", foreign),
            ("decided without being shown", unseen),
            ("said to be saved and not stored so", unsaved),
        )
        if ids
    ]


def told(people: list[Person], ledger: Ledger) -> dict[str, object]:
    """The counts."""
    log = sum(one in ledger.saved for one in ledger.made)
    return {
        "operations": drawn(ledger),
        "merges": len(ledger.made) - drawn(ledger),
        "kinds": dict(sorted(Counter(ledger.made.values()).items())),
        "saved": log,
        "collided": len(ledger.collided),
        "settled_on_the_card": len(ledger.decided),
        "choices": dict(sorted(Counter(choice for choice, _ in ledger.decided.values()).items())),
        "people": {one.name: dict(sorted(one.counts.items())) for one in people},
    }


def run(operations: int, forms: tuple[str, ...], seed: int) -> dict[str, object]:
    """The proof in each form."""
    out: dict[str, object] = {"seed": seed}
    for form in forms:
        with tempfile.TemporaryDirectory(prefix="maskloom-two-") as folder:
            root = make_project(Path(folder), form, SIZES[form])
            out[form] = asyncio.run(play(root, operations, seed))
    chromium = str(out[forms[0]]["chromium"])
    failures = [f"{form}: {one}" for form in forms for one in out[form].pop("failures")]
    for form in forms:
        del out[form]["chromium"]
    return {"versions": versions(chromium), **out, "failures": failures}


def main() -> None:
    """Run and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=2000)
    parser.add_argument("--form", choices=("rows", "map", "both"), default="both")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results/two_browsers.json"
    )
    asked = parser.parse_args()
    began = time.perf_counter()
    forms = ("rows", "map") if asked.form == "both" else (asked.form,)
    result = run(asked.operations, forms, asked.seed)
    write_result(asked.out, result, began)
    sys.exit(1 if result["failures"] else 0)


if __name__ == "__main__":
    main()
