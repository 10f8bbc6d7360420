"""Who is let into the console: sessions, places, and requests that another page has a browser make."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from flyte_console.app import build
from flyte_console.routes import DoorRoute
from flyte_console.settings import ConsoleSettings
from flyte_schemas.events import ActionRequested
from flyte_schemas.literals import ReferencedLiteral
from flyte_schemas.sessions import ANY, OPEN_SESSION, OpenSession, SessionOpened
from flyte_schemas.subjects import RunKey
from testkit.console import ALIVE, DOMAIN, DONE, PROJECT, TASK, World

HERE = (PROJECT, DOMAIN)
NOWHERE = "A" * 43


@pytest.fixture
async def stranger() -> AsyncIterator[aiohttp.ClientSession]:
    """A browser in which nobody is signed in."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield http


async def opened(world: World, *places: tuple[str, str], lasting: bool = False) -> SessionOpened:
    """What `flyte console` is given by whoever may look at these places."""
    answer = None
    for project, domain in places:
        joined = answer.secret if answer else None
        last = lasting and (project, domain) == places[-1]
        asked = OpenSession(project=project, domain=domain, user="ann", joined=joined, lasting=last)
        answer = await world.bus.ask(OPEN_SESSION, asked)
    assert answer is not None
    return answer


async def entered(
    world: World, browser: aiohttp.ClientSession, code: str, status: int = 200, **headers: str
) -> Any:
    """Sign a browser in; the document that it is answered."""
    address = f"{world.console.url}/api/v1/session"
    async with browser.post(address, json={"code": code}, headers=headers) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def asked(world: World, browser: aiohttp.ClientSession, path: str, status: int, **headers: str) -> Any:
    """Ask for what stands below `/api/`."""
    async with browser.get(f"{world.console.url}/api/{path}", headers=headers) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def test_without_a_session_nothing_below_api_is_answered(
    world: World, stranger: aiohttp.ClientSession
) -> None:
    values = {"project": PROJECT, "domain": DOMAIN, "run": DONE.run, "action": "a1", "name": TASK.name}
    for route in world.console.routes:
        path = route.path.format(**values, version="v1")
        if isinstance(route, DoorRoute) and route.method == "POST":
            continue
        method = route.method if isinstance(route, DoorRoute) else "GET"
        for one in (path, path.replace("/api/", "/api/at/guessed/")):
            for headers in ({}, {"Authorization": f"Bearer {NOWHERE}"}, {"Authorization": "Basic eA=="}):
                async with stranger.request(method, world.console.url + one, headers=headers) as response:
                    assert response.status == 401, one
                    problem = await response.json()
                    assert problem["code"] == "SignInNeeded"
                    assert "flyte console" in problem["hint"]
                    assert response.headers["Cache-Control"] == "no-store"
    async with stranger.get(f"{world.console.url}/projects/robots/domains/development/runs") as page:
        assert page.status == 200, "the page itself says what to type"


async def test_a_code_is_good_once_and_its_cookie_for_its_own_path(
    world: World, stranger: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (await opened(world, HERE)).secret
    said = await entered(world, stranger, code)
    assert said["user"] == "ann"
    assert said["places"] == [{"project": PROJECT, "domain": DOMAIN}]
    problem = await entered(world, stranger, code, 401)
    assert "used already" in problem["message"]

    (cookie,) = stranger.cookie_jar
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (
        True,
        "Strict",
        f"/api/at/{said['path']}/",
    )
    assert cookie.key == f"flyte-session-{world.console.port}"
    runs = f"v1/projects/{PROJECT}/domains/{DOMAIN}/runs"
    assert (await asked(world, stranger, f"at/{said['path']}/{runs}", 200))["runs"]
    await asked(world, stranger, runs, 401)
    stolen = {"Cookie": f"{cookie.key}={cookie.value}"}
    for path in (runs, f"at/other/{runs}"):
        async with aiohttp.ClientSession() as thief:
            await asked(world, thief, path, 401, **stolen)
            await asked(world, thief, path, 401, Authorization=f"Bearer {cookie.value}")
    printed = "".join(capsys.readouterr())
    assert "console.session.opened" in printed
    assert not any(secret in printed for secret in (code, cookie.value, said["path"]))


async def test_of_two_who_send_a_code_one_is_let_in(world: World, stranger: aiohttp.ClientSession) -> None:
    code = (await opened(world, HERE)).secret
    address = f"{world.console.url}/api/v1/session"

    async def send() -> int:
        async with stranger.post(address, json={"code": code}) as response:
            return response.status

    assert sorted(await asyncio.gather(*(send() for _ in range(5)))) == [200, 401, 401, 401, 401]


async def test_a_session_covers_its_places_and_no_other(
    world: World, stranger: aiohttp.ClientSession
) -> None:
    other = RunKey("secret", DOMAIN, "rhidden")
    await world.happen(other, "a0", ActionRequested(task=TASK, requested_by="eve"))
    token = (await opened(world, ("nobody", "staging"), (PROJECT, ANY), lasting=True)).secret
    headers = {"Authorization": f"Bearer {token}"}
    assert (await asked(world, stranger, f"v1/projects/{PROJECT}/domains/{DOMAIN}/runs", 200, **headers))[
        "runs"
    ]
    for path in (
        "runs",
        "stream",
        "tasks",
        "runs/rhidden",
        "runs/rhidden/logs/stream",
        "runs/rhidden/report",
    ):
        problem = await asked(world, stranger, f"v1/projects/secret/domains/{DOMAIN}/{path}", 403, **headers)
        assert (problem["code"], problem["message"]) == (
            "NotYourPlace",
            f"you may not look at secret/{DOMAIN}",
        )
    listed = await asked(world, stranger, "v1/projects", 200, **headers)
    assert {project["id"] for project in listed["projects"]} == {PROJECT}
    about = await asked(world, stranger, "v1/about", 200, **headers)
    assert (about["default_project"], about["default_domain"]) == ("nobody", "staging")


async def test_a_run_cannot_lend_the_console_to_read_another_place(
    world: World, stranger: aiohttp.ClientSession
) -> None:
    uri = f"flyte://artifacts/secret/development/{'0' * 32}"
    foreign = ReferencedLiteral(uri=uri, sha256="0" * 64, size_bytes=1)
    lender = RunKey(PROJECT, DOMAIN, "rlends")
    await world.happen(lender, "a0", ActionRequested(task=TASK, inputs={"x": foreign}))
    token = (await opened(world, HERE, lasting=True)).secret
    path = f"v1/projects/{PROJECT}/domains/{DOMAIN}/runs/rlends/actions/a0/object?uri={uri}"
    problem = await asked(world, stranger, path, 403, Authorization=f"Bearer {token}")
    assert problem["code"] == "NotYourPlace"


async def test_who_signs_out_is_out_and_so_is_what_follows(
    world: World, stranger: aiohttp.ClientSession
) -> None:
    said = await entered(world, stranger, (await opened(world, HERE)).secret)
    base = f"{world.console.url}/api/at/{said['path']}/v1"
    follow = f"{base}/projects/{PROJECT}/domains/{DOMAIN}/runs/{ALIVE.run}/stream"
    async with stranger.get(follow) as stream:
        assert stream.status == 200
        async with stranger.delete(f"{base}/session") as response:
            assert (response.status, response.headers["Clear-Site-Data"]) == (204, '"cache"')
        async with asyncio.timeout(30):
            await stream.read()  # it ends
    assert not list(stranger.cookie_jar)
    await asked(world, stranger, f"at/{said['path']}/v1/session", 401)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
async def test_another_page_gets_nothing(
    world: World, stranger: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    code = (await opened(world, HERE)).secret
    assert (await entered(world, stranger, code, 403, **headers))["code"] == "OtherOrigin"
    token = world.http.headers["Authorization"]
    problem = await asked(world, stranger, "v1/projects", 403, Authorization=token, **headers)
    assert problem["code"] == "OtherOrigin"
    async with stranger.get(world.console.url, headers={"Sec-Fetch-Site": "cross-site"}) as page:
        assert page.status == 200, "a link may lead to the page"
    await entered(world, stranger, code, **{"Origin": world.console.url, "Sec-Fetch-Site": "same-origin"})


async def test_wrong_codes_are_slowed_and_lock_nobody_out(
    world: World, stranger: aiohttp.ClientSession, limits: ConsoleSettings
) -> None:
    code = (await opened(world, HERE)).secret
    for _ in range(limits.max_wrong):
        await entered(world, stranger, NOWHERE, 401)
    assert (await entered(world, stranger, NOWHERE, 429))["code"] == "TooManyCodes"
    await entered(world, stranger, code)


async def test_what_is_no_code_is_refused_in_a_sentence(
    world: World, stranger: aiohttp.ClientSession
) -> None:
    address = f"{world.console.url}/api/v1/session"
    for sent, status in (
        ({"json": {}}, 400),
        ({"json": {"code": 1}}, 400),
        ({"data": b"\xff", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": "code=x"}, 415),
        ({"json": {"code": "x" * 10_000}}, 413),
    ):
        async with stranger.post(address, **sent) as response:
            assert response.status == status
            assert (await response.json())["message"]


async def test_under_tls_the_cookie_is_bound_to_the_host(
    world: World, stranger: aiohttp.ClientSession
) -> None:
    console = await build(world.bus, ConsoleSettings(public_url="https://flyte.example"))
    await console.start()
    try:
        code = (await opened(world, HERE)).secret
        address, host = f"http://127.0.0.1:{console.port}/api/v1/session", {"Host": "flyte.example"}
        async with stranger.post(address, json={"code": code}, headers=host) as response:
            cookie = response.headers["Set-Cookie"]
            assert response.headers["Strict-Transport-Security"]
            assert (await response.json())["path"] == ""
        assert cookie.startswith("__Host-flyte-session=")
        assert {"HttpOnly", "Path=/", "SameSite=Strict", "Secure"} <= set(cookie.split("; "))
        sent = {**host, "Cookie": cookie.partition(";")[0]}
        async with stranger.get(address, headers=sent) as response:
            assert (await response.json())["user"] == "ann"
    finally:
        await console.stop()
