"""Who is let in: by which name the console is called, from which page, and in which session.

A browser sends its cookie with whatever leads here, so a request says more: that it comes from our own page
(`Sec-Fetch-Site`, `Origin`). Without TLS a browser also sends it to every other port of this machine, where
somebody else may listen; there the cookie is bound to a path that only our page knows (its storage is not
shared between ports), and is worth nothing on another.
"""

import asyncio
import time
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import ValidationError

from flyte_console.answers.parts import Code, Entered, Problem
from flyte_console.core.allowance import Allowance
from flyte_console.core.sessions import Session, hash_of
from flyte_console.general import visitor
from flyte_console.http.headers import PLAIN
from flyte_console.problems import Trouble, forbidden, not_signed_in
from flyte_console.sessions import Sessions
from flyte_console.settings import ConsoleSettings

API = "/api/"
READING = ("GET", "HEAD")
MAX_BODY_BYTES = 4 * 1024
BODY_TIMEOUT_S = 10.0
OWN_SITE = ("same-origin", "none")
"""`Sec-Fetch-Site` of what our own page asks for, and of what a person has typed."""


class Door:
    """The checks of each request, and the handlers of signing in and out."""

    def __init__(self, settings: ConsoleSettings, sessions: Sessions) -> None:
        self._sessions = sessions
        self._hosts = settings.hosts()
        self._public = settings.public_url
        self._public_host = settings.public_host
        self._longest_s = int(settings.session_s)
        self._wrong = Allowance(settings.max_wrong, 60.0)

    def check(self, request: web.Request) -> None:
        """Raises Trouble for a request that calls us by another name, or comes from another page."""
        names = request.headers.getall("Host", [])
        if len(names) != 1:
            raise Trouble(
                400, Problem(code="BadRequest", message=f"the request has {len(names)} Host headers")
            )
        name = _without_port(names[0])
        if self._hosts is not None and name not in self._hosts:
            hint = "Add the name to FLYTE_CONSOLE_ALLOWED_HOSTS, or set FLYTE_CONSOLE_PUBLIC_URL."
            raise forbidden("UnknownHost", f"the console is not called {name!r}", hint)
        if request.path.startswith(API) or request.method not in READING:
            self._check_origin(request)

    def _check_origin(self, request: web.Request) -> None:
        """Raises Trouble for what another page has a browser ask."""
        site = request.headers.get("Sec-Fetch-Site", "none")
        origins = request.headers.getall("Origin", [])
        if site not in OWN_SITE or not all(map(self._is_own, origins, [request] * len(origins))):
            raise forbidden(
                "OtherOrigin", "another site's page asks for this: only the console's own page may"
            )

    def _is_own(self, origin: str, request: web.Request) -> bool:
        scheme = "https" if self.is_secure(request) else "http"
        own = f"{scheme}://{request.headers['Host']}"
        return origin.lower() in (own.lower(), _origin(self._public))

    def is_secure(self, request: web.Request) -> bool:
        """Whether the browser has come by TLS: to us, or to what stands before us."""
        return request.scheme == "https" or (
            self._public_host is not None and _without_port(request.headers["Host"]) == self._public_host
        )

    async def session(self, request: web.Request) -> Session:
        """The session of whoever asks. Raises Trouble when there is none."""
        secret, path = self._shown(request)
        found = await self._sessions.find(secret) if secret else None
        wanted = "program" if path is None else "browser"
        if (
            found is None
            or found.kind != wanted
            or (found.path_hash and hash_of(path or "") != found.path_hash)
        ):
            raise not_signed_in()
        return found

    def _shown(self, request: web.Request) -> tuple[str, str | None]:
        """The secret that comes with a request, and the path under which; None: it is a program's."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip(), None
        return request.cookies.get(self._cookie(request), ""), request.match_info.get("at", "")

    async def enter(self, request: web.Request) -> web.Response:
        """Take a code, give a cookie."""
        code = await _code(request)
        is_secure = self.is_secure(request)
        entered = await self._sessions.enter(code, with_path=not is_secure)
        if entered is None:
            # A right code is taken however many wrong ones came before: nobody is to be locked out by others.
            if not self._wrong.take(request.remote, time.monotonic()):
                raise Trouble(
                    429, Problem(code="TooManyCodes", message="too many wrong codes: wait a minute")
                )
            raise not_signed_in("this address was used already, or is older than a minute")
        secret, path, session = entered
        answer = Entered(**dict(visitor(session)), path=path)
        response = _private(answer.model_dump_json().encode())
        self._set(request, response, secret, path, self._longest_s)
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """Forget the session, here and in the browser."""
        await self.session(request)
        secret, path = self._shown(request)
        await self._sessions.end(secret)
        response = web.Response(status=204, headers={**PLAIN, "Cache-Control": "no-store"})
        if path is not None:
            response.headers["Clear-Site-Data"] = '"cache"'
            self._set(request, response, "", path, 0)
        return response

    def _set(
        self, request: web.Request, response: web.Response, secret: str, path: str, max_age_s: int
    ) -> None:
        """Set the cookie, or remove it."""
        name = self._cookie(request)
        response.set_cookie(
            name,
            secret,
            path=f"{API}at/{path}/" if path else "/",
            max_age=max_age_s,
            httponly=True,
            samesite="Strict",
            secure=self.is_secure(request),
        )

    def _cookie(self, request: web.Request) -> str:
        """The cookie's name; without TLS, with the port: those of one machine share their cookies."""
        if self.is_secure(request):
            return "__Host-flyte-session"
        port = request.headers["Host"].rpartition(":")[2]
        return f"flyte-session-{port if port.isdecimal() else 80}"


def _private(body: bytes) -> web.Response:
    headers = {**PLAIN, "Cache-Control": "no-store", "Content-Type": "application/json"}
    return web.Response(body=body, headers=headers)


async def _code(request: web.Request) -> str:
    """Raises Trouble for what is no code."""
    if request.content_type != "application/json":
        raise Trouble(415, Problem(code="BadRequest", message="send the code as application/json"))
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return Code.model_validate_json(await request.read()).code
    except TimeoutError as error:
        raise Trouble(408, Problem(code="BadRequest", message="the code did not come in time")) from error
    except ValidationError as error:
        message = 'send {"code": "…"}: what stands behind # in the address that `flyte console` prints'
        raise Trouble(400, Problem(code="BadRequest", message=message)) from error


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return (name if name and port.isdecimal() else host).lower()


def _origin(address: str | None) -> str | None:
    if address is None:
        return None
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}".lower()
