"""The page of a run: while it runs, over its past, and what it says of each action."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from testkit.shop import Shop, path_of


def lines(page: Page) -> Locator:
    return page.get_by_role("treeitem")


def line(page: Page, text: str) -> Locator:
    return lines(page).filter(has_text=text)


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def head(page: Page) -> Locator:
    return page.locator(".run-head")


def test_a_run_is_followed_to_its_end(page: Page, shop: Shop, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    running = shop.run("followed", gate=gate)
    page.goto(path_of("runs"))
    page.get_by_role("link", name="followed", exact=True).click()
    expect(head(page)).to_contain_text("Running")
    expect(head(page).get_by_role("status")).to_contain_text("Live")
    group = line(page, "prices")
    expect(group).to_contain_text("10")
    expect(group.get_by_role("img")).to_have_attribute("aria-label", "1 running, 9 succeeded")
    expect(page.get_by_label("Explanation")).to_contain_text("1 child of it is not over")
    tab(page, "Logs")
    expect(page.get_by_role("log")).to_contain_text("the shop opens")
    gate.touch()
    expect(page.get_by_role("log")).to_contain_text("the shop closes")
    expect(head(page)).to_contain_text("Succeeded")
    expect(head(page).get_by_role("status")).to_contain_text("Complete")
    expect(group.get_by_role("img")).to_have_attribute("aria-label", "10 succeeded")
    assert shop.code(running) == 0


def test_a_failure_is_explained(page: Page, shop: Shop) -> None:
    page.goto(path_of("runs", "bad"))
    expect(head(page)).to_contain_text("ValueError the till is empty")
    explanation = page.get_by_label("Explanation")
    expect(explanation).to_contain_text("ValueError")
    expect(explanation).to_contain_text("What to do")
    expect(explanation.get_by_text("Traceback (most recent call last)")).to_be_visible()


def test_the_slider_shows_the_run_as_it_was(page: Page, shop: Shop) -> None:
    page.goto(path_of("runs", "good"))
    expect(line(page, "prices")).to_be_visible()
    slider = page.get_by_label("Moment of the run")
    slider.focus()
    page.keyboard.press("Home")
    expect(lines(page)).to_have_count(1)
    expect(head(page).locator(".phase")).to_have_text("Queued")
    status = head(page).get_by_role("status")
    expect(status).to_contain_text("As of")
    first = status.locator(".as-of").inner_text()
    page.get_by_role("button", name="One event on").click()
    expect(status.locator(".as-of")).not_to_have_text(first)
    tab(page, "Inputs & outputs")
    expect(page.get_by_text("There are none yet.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(status).to_contain_text("Complete")
    expect(page.get_by_text("450")).to_be_visible()


def test_a_run_is_played_to_its_end(page: Page, shop: Shop) -> None:
    page.goto(path_of("runs", "good"))
    expect(line(page, "prices")).to_be_visible()
    page.get_by_label("Speed").select_option("1")
    page.evaluate("""
        window.seen = new Set();
        new MutationObserver(() => window.seen.add(document.querySelector('.run-head .phase').textContent))
          .observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
    """)
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Play the run")).to_be_visible()
    expect(head(page).get_by_role("status")).to_contain_text("Complete")
    seen = page.evaluate("[...window.seen]")
    assert {"Running", "Succeeded"} <= set(seen)


def test_a_moment_is_an_address(page: Page, shop: Shop) -> None:
    page.goto(path_of("runs", "good"))
    expect(line(page, "prices")).to_be_visible()
    page.get_by_label("Moment of the run").focus()
    page.keyboard.press("Home")
    page.wait_for_url("**?at=*")
    page.reload()
    expect(head(page).get_by_role("status")).to_contain_text("As of")
    expect(lines(page)).to_have_count(1)


def test_the_tree_is_walked_with_the_keyboard(page: Page, shop: Shop) -> None:
    page.goto(path_of("runs", "good"))
    expect(lines(page)).to_have_count(2)
    lines(page).first.focus()
    page.keyboard.press("ArrowDown")
    group = line(page, "prices")
    expect(group).to_be_focused()
    expect(group).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowRight")
    expect(group).to_have_attribute("aria-expanded", "true")
    expect(lines(page)).to_have_count(12)
    page.keyboard.press("ArrowRight")
    expect(lines(page).nth(2)).to_be_focused()
    expect(lines(page).nth(2)).to_have_attribute("aria-selected", "true")
    assert page.locator('[role="treeitem"][tabindex="0"]').count() == 1
    page.keyboard.press("j")
    expect(lines(page).nth(3)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(group).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(lines(page)).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("price")
    expect(lines(page)).to_have_count(12)
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    expect(page.get_by_role("tab", name="Inputs & outputs")).to_have_attribute("aria-selected", "true")


def test_output_is_searched(page: Page, shop: Shop) -> None:
    page.goto(path_of("runs", "good") + "?tab=logs")
    output = page.get_by_role("log")
    expect(output).to_contain_text("the shop opens")
    expect(output.locator(".stderr")).to_contain_text("item 7 has no label")
    page.get_by_label("Search the output").fill("SHOP")
    expect(output.locator("mark")).to_have_text(["shop", "shop"])
    expect(page.get_by_text("1 of 2")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 of 2")).to_be_visible()
    expect(output.locator(".current")).to_contain_text("the shop closes")
    page.get_by_role("button", name="Whole run").click()
    expect(output).to_contain_text("the price of item 9")


def test_each_pane_shows_what_the_action_has(page: Page, shop: Shop) -> None:
    page.goto(path_of("runs", "good"))
    tab(page, "Attempts")
    expect(page.get_by_text("Attempt 1")).to_be_visible()
    tab(page, "Events")
    events = page.get_by_role("list", name="Events").get_by_role("listitem")
    expect(events.first).to_contain_text("shop.main")
    events.first.locator("summary").click()
    expect(events.first).to_contain_text('"flyte.action.requested.v1"')
    tab(page, "Report")
    report = page.frame_locator("iframe[title='Report of the action']")
    expect(report.get_by_role("heading", name="Ten items")).to_be_visible()
    assert page.title().startswith("good"), "the report's script reached the page"


def test_the_graph_folds_the_group_into_one_box(page: Page, shop: Shop) -> None:
    page.goto(path_of("runs", "good"))
    page.get_by_role("button", name="Graph").click()
    graph = page.get_by_role("group", name="Graph of the run's actions")
    expect(graph.get_by_role("button")).to_have_count(2)
    graph.get_by_role("button", name="prices").click()
    expect(graph.get_by_role("button")).to_have_count(12)
    graph.get_by_role("button", name="price Succeeded").first.click()
    expect(page.get_by_label("Details of the action")).to_contain_text("shop.price")
