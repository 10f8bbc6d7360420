"""A page whose console dies says so, and when it is back has missed nothing."""

from pathlib import Path

from playwright.sync_api import Page, expect

from testkit.console_process import ConsoleProcess, nats_of
from testkit.shop import PROJECT, Shop, path_of


def test_what_happened_without_the_console_is_there_when_it_is_back(
    page: Page, shop: Shop, stack_home: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with ConsoleProcess(tmp_path, {**nats_of(stack_home), "FLYTE_TASK_PROJECT": PROJECT}) as console:
        running = shop.run("outlives", gate=gate)
        page.goto(console.way_in())
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        page.goto(console.url + path_of("runs", "outlives"))
        status = page.locator(".run-head").get_by_role("status")
        group = page.get_by_role("treeitem").filter(has_text="prices").get_by_role("img")
        expect(group).to_have_attribute("aria-label", "1 running, 9 succeeded")
        console.kill()
        expect(status).to_contain_text("Reconnecting")
        gate.touch()
        assert shop.code(running) == 0
        expect(group).to_have_attribute("aria-label", "1 running, 9 succeeded")
        console.start()
        expect(status).to_contain_text("Complete")
        expect(group).to_have_attribute("aria-label", "10 succeeded")
        expect(page.locator(".run-head .phase")).to_have_text("Succeeded")
        page.goto(console.url + path_of("runs"))
        expect(page.locator(".live")).to_contain_text("Live")
        console.kill()
        expect(page.locator(".live")).to_contain_text("Reconnecting")
        assert shop.code(shop.run("unseen")) == 0
        console.start()
        expect(page.get_by_role("link", name="unseen", exact=True)).to_be_visible()
        expect(page.locator(".live")).to_contain_text("Live")
