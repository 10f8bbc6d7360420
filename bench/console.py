"""The console in a browser: when a run of 10,000 actions is seen, and how its page answers while it runs."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from bench.rows import Row
from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_schemas.subjects import RunKey
from testkit.console_process import ConsoleProcess
from testkit.large_run import append_all, large_run
from testkit.nats_server import NatsServer
from testkit.registry import registry

ACTIONS = 10_000
EVENTS_A_SECOND = 500.0
WATCHED_S = 10.0
LOADS = 3
PLACE = ("bench", "development")
CHROMIUM = os.environ.get("FLYTE_CHROMIUM", "chromium")

_WATCH = """
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
  }).observe({type: 'longtask', buffered: true});
  new MutationObserver((_, observer) => {
    if (document.querySelectorAll('[role=treeitem]').length < 3) return;
    observer.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => { window.treeAt = performance.now(); }));
  }).observe(document, {childList: true, subtree: true});
"""
_FRAMES = """
  window.longest = 0;
  window.frames_ms = [];
  const frame = (before) => requestAnimationFrame((now) => {
    window.frames_ms.push(now - before);
    frame(now);
  });
  frame(performance.now());
"""


def rows() -> Iterator[Row]:
    """What a person waits for, in milliseconds."""
    if shutil.which(CHROMIUM) is None:
        print(f"There is no {CHROMIUM}: the console is not measured in a browser.")
        return
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        server.start()
        try:
            yield from asyncio.run(_measure(server, Path(folder)))
        finally:
            server.kill()


async def _measure(server: NatsServer, folder: Path) -> list[Row]:
    settings = BusSettings(url=server.url, user=server.user, password=server.password)
    variables = {
        "FLYTE_NATS_URL": server.url,
        "FLYTE_NATS_USER": server.user,
        "FLYTE_NATS_PASSWORD": server.password,
    }
    async with await connect(settings) as bus:
        await bus.provision()
        async with registry(bus, folder), async_playwright() as playwright:
            begun = datetime.now(UTC) - timedelta(minutes=5)
            await append_all(bus, RunKey(*PLACE, "done"), large_run(ACTIONS), begun)
            browser = await playwright.chromium.launch(
                executable_path=shutil.which(CHROMIUM), args=["--no-sandbox"]
            )
            console = ConsoleProcess(folder, variables)
            try:
                await asyncio.to_thread(console.start)
                cold = [await _load(browser, console)]
                for _ in range(LOADS - 1):  # the gateway has read the run only once it was started anew
                    await asyncio.to_thread(console.kill)
                    await asyncio.to_thread(console.start)
                    cold.append(await _load(browser, console))
                warm = [await _load(browser, console) for _ in range(LOADS)]
                live = await _watch(browser, console, bus)
            finally:
                console.kill()
                await browser.close()
    return [*_loaded("not read before", cold), *_loaded("read before", warm), *live]


def _loaded(when: str, loads: list[dict[str, Any]]) -> list[Row]:
    def row(what: str, name: str, goal: str) -> Row:
        figures = tuple(load[name] for load in loads)
        return Row(what=f"{what}, {ACTIONS:,} actions, {when}", unit="ms", figures=figures, goal=goal)

    return [
        row("first paint", "paint", "≤ 1,000"),
        row("tree painted", "tree", "≤ 1,000"),
        row("longest task", "longest", "—"),
    ]


async def _load(browser: Browser, console: ConsoleProcess, run: str = "done") -> dict[str, Any]:
    page = await _open(browser, console, run)
    await page.evaluate(_until("window.treeAt"))
    found: dict[str, Any] = await page.evaluate("""({
        paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
        tree: window.treeAt,
        longest: window.longest,
    })""")
    await page.context.close()
    return found


def _until(condition: str) -> str:
    """A promise that is kept with the frame in which this holds: Playwright's own needs `eval`."""
    return f"""new Promise((keep) => {{
        const look = () => ({condition}) ? keep() : requestAnimationFrame(look);
        look();
    }})"""


async def _open(browser: Browser, console: ConsoleProcess, run: str) -> Page:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    page.set_default_timeout(120_000)
    await page.goto(await asyncio.to_thread(console.way_in))
    await page.get_by_role("button", name="Sign out").wait_for()
    await page.add_init_script(_WATCH)
    await page.goto(f"{console.url}/projects/{PLACE[0]}/domains/{PLACE[1]}/runs/{run}")
    return page


async def _watch(browser: Browser, console: ConsoleProcess, bus: Bus) -> list[Row]:
    """A run that has most of its actions already, watched while events come."""
    words = large_run(ACTIONS)
    already = len(words) - int(EVENTS_A_SECOND * (WATCHED_S + 30))
    begun = datetime.now(UTC) - timedelta(seconds=words[already].after_s)
    await append_all(bus, RunKey(*PLACE, "live"), words[:already], begun)
    page = await _open(browser, console, "live")
    await page.evaluate(_until("document.querySelector('.live')?.textContent.includes('Live')"))
    rest = asyncio.create_task(
        append_all(bus, RunKey(*PLACE, "live"), words[already:], begun, rate=EVENTS_A_SECOND)
    )
    try:
        await page.evaluate(_FRAMES)
        await page.wait_for_timeout(1000 * WATCHED_S)
        frames: list[float] = sorted(await page.evaluate("window.frames_ms"))
        longest: float = await page.evaluate("window.longest")
        begun_typing = await page.evaluate("performance.now()")
        await page.get_by_label("Find actions").fill("f0001")
        await page.evaluate(_until("document.querySelectorAll('[role=treeitem]').length > 5"))
        typed: float = await page.evaluate("performance.now()") - begun_typing
    finally:
        rest.cancel()
        await asyncio.wait([rest])
        await page.context.close()
    what = f"while {EVENTS_A_SECOND:,.0f} events a second come"
    return [
        Row(what=f"frames, {what}: median", unit="ms", figures=(frames[len(frames) // 2],), goal="≤ 17"),
        Row(
            what=f"frames, {what}: 99th of 100",
            unit="ms",
            figures=(frames[len(frames) * 99 // 100],),
            goal="≤ 50",
        ),
        Row(what=f"longest task, {what}", unit="ms", figures=(longest,), goal="—"),
        Row(what=f"search typed until found, {what}", unit="ms", figures=(typed,), goal="—"),
    ]
