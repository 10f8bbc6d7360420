"""The page is for everybody: no serious finding of axe in either theme, and whole on a phone."""

from pathlib import Path

from playwright.sync_api import Page, expect

from testkit.shop import Shop, path_of

PAGES = {
    "runs": path_of("runs"),
    "no runs": "/projects/nobody/domains/development/runs",
    "run": path_of("runs", "good"),
    "failed": path_of("runs", "bad"),
    "graph": path_of("runs", "good") + "?view=graph&tab=values",
    "logs": path_of("runs", "good") + "?tab=logs",
    "attempts": path_of("runs", "bad") + "?tab=attempts",
    "events": path_of("runs", "good") + "?tab=events",
    "past": path_of("runs", "good") + "?at=2100-01-01T00:00:00Z",
    "no run": path_of("runs", "nosuch"),
    "tasks": path_of("tasks"),
    "task": path_of("tasks", "shop.main"),
    "nowhere": "/projects/shop/what",
}


def shown(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)


def serious(page: Page) -> list[str]:
    """What axe finds serious or critical on the page as it is."""
    violations = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then((all) => all.violations)"
    )
    return [
        f"{one['id']} at {node['target']}: {node['failureSummary']}"
        for one in violations
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_axe_finds_nothing_serious_in_either_theme(page: Page, shop: Shop, sources: Path) -> None:
    axe = (sources / "node_modules" / "axe-core" / "axe.min.js").read_text()
    found = []
    for name, path in PAGES.items():
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        shown(page, path)
        page.evaluate(axe)
        found += [f"{name}, light: {one}" for one in serious(page)]
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        found += [f"{name}, dark: {one}" for one in serious(page)]
    assert not found


def test_axe_sees_what_is_wrong(page: Page, shop: Shop, sources: Path) -> None:
    shown(page, PAGES["runs"])
    page.evaluate((sources / "node_modules" / "axe-core" / "axe.min.js").read_text())
    page.evaluate("document.querySelector('select').removeAttribute('aria-label')")
    assert any("select-name" in one for one in serious(page))


def test_every_page_fits_a_phone(page: Page, shop: Shop) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    widths = {}
    for name, path in PAGES.items():
        shown(page, path)
        widths[name] = page.evaluate("document.documentElement.scrollWidth")
    assert widths == dict.fromkeys(PAGES, 360)


def test_on_a_phone_an_action_has_the_page_to_itself(page: Page, shop: Shop) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(path_of("runs", "good"))
    page.get_by_role("treeitem").filter(has_text="prices").click()
    page.get_by_role("treeitem").nth(2).click()
    expect(page.get_by_role("tree")).to_be_hidden()
    expect(page.get_by_label("Details of the action")).to_contain_text("shop.price")
    page.get_by_role("link", name="All actions").click()
    expect(page.get_by_role("tree")).to_be_visible()
