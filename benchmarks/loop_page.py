"""Ten regions of a review fixed in the page, by a mouse and a keyboard, as a person would.

Playwright's input goes through the browser's own queue. What is done follows a plan, a mixture of
everything that the page offers for the form of the labels; where a region does not offer it, the
brush is taken.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from benchmarks.browsing import ARGUMENTS, CHROMIUM, DRIVER, VIEWPORT, Ledger, serving, until_ready

PLANS = {
    "rows": ("accept", "brush", "eraser", "polygon", "delete", "reclass", "accept", "hole", "keep",
             "brush"),
    "map": ("accept", "brush", "eraser", "polygon", "accept", "brush", "hole", "void", "keep",
            "polygon"),
}  # fmt: skip
VERDICTS = {"accept": "accepted", "keep": "kept", "void": "void"}
NEW_CLASS = "Debris"
# Points of a region, as parts of its box, that a drag or a polygon goes through.
PATH = ((0.3, 0.4), (0.5, 0.55), (0.7, 0.5), (0.6, 0.7))
CORNERS = ((0.2, 0.25), (0.75, 0.2), (0.8, 0.7), (0.45, 0.85), (0.15, 0.6))


class Fixer:
    """Somebody at the page.

    Args:
        page: open at the first region.
        ledger: of the page.
    """

    def __init__(self, page, ledger: Ledger) -> None:
        self.page, self.ledger = page, ledger
        self.done: Counter[str] = Counter()
        self.samples: set[int] = set()

    async def run(self, form: str) -> None:
        """The whole plan."""
        for what in PLANS[form]:
            item = await self.item()
            self.samples.add(item["sample_id"])
            made = len(self.ledger.made)
            if what in VERDICTS:
                self.done[what] += 1
                await self.judge(VERDICTS[what], item)
                continue
            await getattr(self, what)(item)
            drawn = len(self.ledger.made) > made
            if not drawn:
                # The place offered nothing to this tool: a stroke always does something.
                await self.brush(item)
            self.done[what if drawn else "brush"] += 1
            await self.judge("fixed", item)
        await self.mark_done()
        await self.saved()

    async def item(self):
        """The region that is open, once it is in view."""
        for _ in range(400):
            item = await self.page.evaluate(
                "driver.ready() ? driver.page().store.state.item : null"
            )
            if item and not item["verdict"]:
                await asyncio.sleep(0.3)
                return item
            await asyncio.sleep(0.05)
        raise TimeoutError("no open region is shown")

    async def points(self, item, parts):
        """CSS px of points of a region that nothing covers."""
        return await self.page.evaluate(
            """([item, parts]) => {
              const page = driver.page();
              const stage = document.getElementById("stage");
              const box = stage.getBoundingClientRect();
              const grow = Math.max(4, 30 - Math.min(item.x1 - item.x0, item.y1 - item.y0)) / 2;
              return parts.map(([u, v]) => {
                const x = item.x0 - grow + u * (item.x1 - item.x0 + 2 * grow);
                const y = item.y0 - grow + v * (item.y1 - item.y0 + 2 * grow);
                const at = page.view.imageToScreen({x, y});
                return [box.left + at.x, box.top + at.y];
              }).filter(([x, y]) => document.elementFromPoint(x, y) === stage);
            }""",
            [item, [list(part) for part in parts]],
        )

    async def drag(self, item) -> None:
        """Press the button, move, let go."""
        points = await self.points(item, PATH)
        mouse = self.page.mouse
        await mouse.move(*points[0])
        await mouse.down()
        for x, y in points[1:]:
            await mouse.move(x, y, steps=6)
        await mouse.up()

    async def press(self, *keys: str) -> None:
        """Keys, with the focus where a click on the stage puts it."""
        await self.page.locator("#stage").focus()
        for key in keys:
            await self.page.keyboard.press(key)

    async def choose(self, item) -> None:
        """The object of the region, or the one under its middle."""
        if not await self.page.evaluate("driver.page().store.state.selected"):
            await self.press("v")
            for x, y in await self.points(item, ((0.5, 0.5), *PATH)):
                await self.page.mouse.click(x, y)
                if await self.page.evaluate("driver.page().store.state.selected"):
                    break

    async def brush(self, item) -> None:
        """A stroke, for the object of the region or for the second class of a map."""
        await self.press("2", "b", "]", "]")
        await self.drag(item)

    async def eraser(self, item) -> None:
        """A stroke that takes away."""
        await self.press("e")
        await self.drag(item)

    async def polygon(self, item) -> None:
        """A new object, or an area of the third class of a map."""
        await self.press("Escape", "n", "3", "p")
        await self.page.get_by_role("button", name="New object").first.click()
        await self.ring(item)

    async def hole(self, item) -> None:
        """A ring cut out of the object, or out of all classes."""
        await self.choose(item)
        await self.press("p")
        await self.page.get_by_role("button", name="Cut hole").click()
        await self.ring(item)

    async def ring(self, item) -> None:
        """Corner by corner."""
        for x, y in await self.points(item, CORNERS):
            await self.page.mouse.click(x, y)
            await asyncio.sleep(0.4)
        await self.page.keyboard.press("Enter")

    async def delete(self, item) -> None:
        """The object of the region goes."""
        await self.choose(item)
        await self.press("v", "Delete")

    async def reclass(self, item) -> None:
        """The object of the region gets the new class, by a click on the palette."""
        await self.choose(item)
        await self.page.get_by_role("radio", name=NEW_CLASS).click()

    async def judge(self, verdict: str, item) -> None:
        """A verdict by its key, or by its button; then the next region comes."""
        if verdict == "fixed":
            await self.page.get_by_role("button", name="Fixed by hand").click()
        else:
            await self.press({"accepted": "a", "kept": "k", "void": "x"}[verdict])
        if await self.left(item):
            return
        if verdict == "accepted":
            # A region may have no prediction to copy; the page says so.
            self.done["accept"] -= 1
            self.done["keep"] += 1
            await self.press("k")
            if await self.left(item):
                return
        raise TimeoutError(f"no next region after {verdict} on {item['id']} ({item['kind']})")

    async def left(self, item) -> bool:
        """Whether another region is open, soon."""
        for _ in range(100):
            if await self.page.evaluate("driver.page().store.state.item?.id") != item["id"]:
                return True
            await asyncio.sleep(0.05)
        return False

    async def mark_done(self) -> None:
        """The image that is open now is done."""
        self.samples.add(await self.page.evaluate("driver.page().store.state.sample.id"))
        await self.press("d")

    async def saved(self) -> None:
        """Until the page says that everything is saved."""
        for _ in range(400):
            if await self.page.locator("#saved[data-state=saved]").count():
                return
            await asyncio.sleep(0.05)
        raise TimeoutError("the page does not say that everything is saved")


async def fix(root: Path, form: str):
    """Fix ten regions.

    Returns:
        What was done; sample id → the document as the page holds it; the same as the server
        sends it; the ledger; and the version of Chromium.
    """
    from playwright.async_api import async_playwright

    ledger = Ledger()
    with serving(root) as server:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=list(ARGUMENTS)
            )
            context = await browser.new_context(viewport=VIEWPORT)
            await context.add_init_script(DRIVER)
            page = await context.new_page()
            ledger.watch(page)
            await page.goto(f"{server.address}/#token={server.token}")
            await until_ready(page)
            fixer = Fixer(page, ledger)
            await fixer.run(form)
            shown, sent = {}, {}
            for sample in sorted(fixer.samples):
                await page.goto(f"{server.address}/#/s/{sample}")
                while await page.evaluate("driver.page().store.state.sample?.id") != sample:
                    await asyncio.sleep(0.05)
                await until_ready(page)
                shown[sample] = await page.evaluate("driver.document()")
                sent[sample] = await page.evaluate(
                    "async (id) => (await fetch(`/api/v1/samples/${id}/document`)).json()", sample
                )
            version = browser.version
            await browser.close()
    return dict(fixer.done), shown, sent, ledger, version
