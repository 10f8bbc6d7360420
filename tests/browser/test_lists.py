"""The pages that are lists: runs, live and filtered, tasks, and what is said when there is nothing."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from testkit.shop import Shop, path_of


def test_a_run_appears_and_changes_without_a_reload(page: Page, shop: Shop, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    page.goto(path_of("runs"))
    expect(page.locator(".live[role=status]")).to_contain_text("Live")
    page.evaluate("window.isTheSamePage = true")
    running = shop.run("appears", gate=gate)
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="appears", exact=True))
    expect(row).to_contain_text("Running")
    chip = page.get_by_role("group", name="Phases").get_by_role("button", name="Running")
    expect(chip).to_contain_text("1")
    gate.touch()
    expect(row).to_contain_text("Succeeded")
    expect(chip).to_have_count(0)
    assert shop.code(running) == 0
    assert page.evaluate("window.isTheSamePage")


def test_filters_stand_in_the_address_and_hold_after_a_reload(page: Page, shop: Shop) -> None:
    page.goto(path_of("runs"))
    page.get_by_role("group", name="Phases").get_by_role("button", name="Failed").click()
    names = page.locator("a[data-row]")
    expect(names).to_have_text(["bad"])
    expect(page).to_have_url(re.compile(r"\?phase=failed$"))
    page.reload()
    expect(names).to_have_text(["bad"])
    expect(page.get_by_text("the till is empty")).to_be_visible()
    page.get_by_label("Search runs").fill("goo")
    expect(page.get_by_text("No run is like that")).to_be_visible()
    page.get_by_role("link", name="Show all runs").click()
    page.keyboard.press("/")
    page.keyboard.type("goo")
    expect(names).to_have_text(["good"])
    page.goto(path_of("runs") + "?task=shop.till&user=&since=1h")
    expect(names).to_have_text(["bad"])


def test_the_keyboard_goes_through_the_list_and_between_pages(page: Page, shop: Shop) -> None:
    page.goto(path_of("runs"))
    expect(page.locator("a[data-row]").nth(1)).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("a[data-row]").first).to_be_focused()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys and signs")
    expect(dialog).to_contain_text("Waiting for resources")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page.get_by_role("heading", name="Tasks")).to_be_visible()
    page.get_by_role("link", name="shop.main").click()
    expect(page.get_by_text("main(gate: str) -> int")).to_be_visible()
    expect(page.get_by_text("Prices all items.", exact=True)).to_be_visible()
    page.get_by_role("link", name="Show runs").click()
    expect(page.locator("a[data-row]").filter(has_text="good")).to_be_visible()
    expect(page.locator("a[data-row]").filter(has_text="bad")).to_have_count(0)


def test_where_there_is_nothing_the_page_says_what_to_type(page: Page) -> None:
    empty = "/projects/nobody/domains/development"
    page.goto(f"{empty}/runs")
    expect(page.get_by_text("flyte run hello.py main")).to_be_visible()
    page.goto(f"{empty}/tasks")
    expect(page.get_by_text("flyte deploy hello.py")).to_be_visible()
    page.goto(f"{empty}/runs/nosuch")
    expect(page.get_by_role("alert")).to_contain_text("nosuch")
    page.goto(f"{empty}/what")
    expect(page.get_by_text("There is no such page")).to_be_visible()
    page.goto("/")
    expect(page).to_have_url(re.compile(path_of("runs") + "$"))


def test_the_theme_is_chosen_and_kept(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(path_of("runs"))
    switch = page.get_by_role("button", name="Theme:")
    shade = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(shade)
    switch.click()
    switch.click()
    dark = page.evaluate(shade)
    assert dark != light
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert page.evaluate(shade) == dark
