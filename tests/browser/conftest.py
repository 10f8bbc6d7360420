"""A console beside a stack with runs, and a browser that looks at it: Debian's chromium, by Playwright."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    StorageState,
    ViewportSize,
    expect,
    sync_playwright,
)

from testkit.cli import Cli
from testkit.console_process import ConsoleProcess, nats_of
from testkit.shop import PROJECT, SOURCE, Shop
from testkit.stacks import stack_home

__all__ = ["stack_home"]

WEB = Path(__file__).parents[2] / "services" / "console" / "web"
PATIENCE_MS = 30_000
NPM_LIMIT_S = 110

KEEP = """
if (self.origin === {origin})
  for (const [name, value] of Object.entries({kept}))
    if (localStorage.getItem(name) === null) localStorage.setItem(name, value);
"""
"""What the page stores once it is signed in is there before its scripts begin."""


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, stack_home: Path) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    cli = Cli(folder, {"FLYTE_HOME": str(stack_home), "FLYTE_TASK_PROJECT": PROJECT})
    cli.write("shop.py", SOURCE)
    gate = folder / "open"
    gate.touch()
    shop = Shop(cli, gate)
    try:
        runs = [shop.run("good"), shop.run("bad", "till")]
        assert [shop.code(run) for run in runs] == [0, 1]
        yield shop
    finally:
        print(cli.end())


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory, stack_home: Path) -> Iterator[ConsoleProcess]:
    """A console beside the stack that the tests share."""
    variables = {**nats_of(stack_home), "FLYTE_TASK_PROJECT": PROJECT}
    with ConsoleProcess(tmp_path_factory.mktemp("console"), variables) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a module: Playwright's loop may not outlive those that need no loop."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium is installed: the console's page is not tested in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def entered() -> list[StorageState]:
    """What the first who signed in was given: browsers end with their module, the console lives on."""
    return []


@pytest.fixture(scope="module")
def signed_in(browser: Browser, console: ConsoleProcess, entered: list[StorageState]) -> StorageState:
    """What a browser keeps that has signed in as a user does."""
    if not entered:
        with browser.new_context() as context:
            context.new_page().goto(console.way_in())
            out = context.pages[0].get_by_role("button", name="Sign out")
            expect(out).to_be_visible(timeout=PATIENCE_MS)
            entered.append(context.storage_state())
    return entered[0]


@pytest.fixture
def visitor(browser: Browser, console: ConsoleProcess, signed_in: StorageState) -> Iterator[BrowserContext]:
    """Somebody signed in, and nothing else is kept. A state that is given to a context costs a page more."""
    size: ViewportSize = {"width": 1280, "height": 800}
    with browser.new_context(base_url=console.url, viewport=size) as context:
        context.add_cookies(signed_in["cookies"])
        for place in signed_in["origins"]:
            kept = {item["name"]: item["value"] for item in place["localStorage"]}
            context.add_init_script(KEEP.format(origin=json.dumps(place["origin"]), kept=json.dumps(kept)))
        yield context


@pytest.fixture
def page(visitor: BrowserContext) -> Iterator[Page]:
    """An empty window; whatever its console complains of fails the test, broken policies among it."""
    expect.set_options(timeout=PATIENCE_MS)
    page = visitor.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # That an answer is missing is shown by the page itself; everything else is a fault of the page.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    visitor.close()
    assert not complaints


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's sources, copied, with the packages that are locked installed beside them."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm is installed: the page's sources are neither built, nor checked, nor tested")
    copy = tmp_path_factory.mktemp("sources") / "web"
    shutil.copytree(WEB, copy, ignore=shutil.ignore_patterns("node_modules"))
    words = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(words, cwd=copy, capture_output=True, text=True, timeout=NPM_LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy
