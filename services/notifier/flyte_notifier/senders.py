"""Sends one notification, once: by HTTP, by mail, or by running the operator's command.

What goes wrong is a sentence without addresses: those are often secrets.
"""

import asyncio
import contextlib
import os
import smtplib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import orjson

from flyte_notifier.core.messages import NotAddressed, mail, sentence, slack_body, teams_body
from flyte_notifier.core.signing import signature
from flyte_notifier.settings import NotifierSettings

KEPT_CHARACTERS = 200
"""How much of what a command says on its standard error is told."""
COMMAND_VARIABLES = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
"""What a command gets of the notifier's own environment: no password of the bus, no secret."""


def _why(error: Exception) -> str:
    """What went wrong, without the address."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "nobody knows its host"
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(number, int) and number > 0 else type(error).__name__


class NotSent(Exception):
    """It was not taken, and why."""


class Unsendable(NotSent):
    """It never will be: no use in trying again."""


_NOT_AS_CHECKED = (AttributeError, LookupError, TypeError, ValueError)
"""What comes of settings that `flyte.notify` has not checked: a request may hold any."""


class Senders:
    """Sends by whatever kind; use it as a context manager."""

    def __init__(self, settings: NotifierSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make ready for HTTP."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s),
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=False,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(
        self, kind: str, settings: Mapping[str, Any], told: Mapping[str, Any], id: str, *, is_signed: bool
    ) -> None:
        """Send it; `id` is the delivery's, the same with every try. Raises NotSent, Unsendable."""
        try:
            await self._send(kind, settings, told, id, self._settings.secret if is_signed else "")
        except _NOT_AS_CHECKED as error:
            raise Unsendable(f"its settings are not those of a {kind}: {type(error).__name__}") from error

    async def _send(
        self, kind: str, settings: Mapping[str, Any], told: Mapping[str, Any], id: str, secret: str
    ) -> None:
        headers = {"Flyte-Delivery-Id": id, "Flyte-Event-Id": told["event"]["id"]}
        match kind:
            case "webhook":
                body = settings.get("body", told)
                headers = dict(settings.get("headers") or {}) | headers
                await self._http(settings.get("method", "POST"), settings["url"], body, headers, secret)
            case "slack":
                await self._http("POST", settings["webhook_url"], slack_body(settings, told), headers, secret)
            case "teams":
                await self._http("POST", settings["webhook_url"], teams_body(settings, told), headers, secret)
            case "email":
                await self._mail(settings, told)
            case "command":
                await self._run(list(settings["words"]), told, id)
            case "unknown":
                raise Unsendable(f"the platform knows no notification by the name {settings['name']!r}")
            case _:
                raise Unsendable(f"nobody knows how to send a {kind}")

    async def _http(self, method: str, url: str, body: Any, headers: dict[str, str], secret: str) -> None:
        host = urlsplit(url).hostname or ""
        allowed = self._settings.hosts
        if allowed and not any(fnmatchcase(host, pattern) for pattern in allowed):
            raise Unsendable("its host is none of FLYTE_NOTIFIER_HOSTS")
        assert self._session is not None
        data, timestamp = orjson.dumps(body), str(int(datetime.now(UTC).timestamp()))
        usual = {"Content-Type": "application/json", "User-Agent": "flytejet"}
        headers = usual | headers | {"Flyte-Timestamp": timestamp}
        if secret:
            headers["Flyte-Signature"] = signature(secret, timestamp, data)
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as answer:
                if not 200 <= answer.status < 300:
                    raise NotSent(f"it answered HTTP {answer.status}")
        except TimeoutError as error:
            raise NotSent(f"it did not answer within {self._settings.timeout_s:g} s") from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise Unsendable("its address or a header is none that can be sent to") from error
        except (aiohttp.ClientError, OSError) as error:
            raise NotSent(f"it cannot be reached: {_why(error)}") from error

    async def _mail(self, settings: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        if not self._settings.smtp_url:
            raise Unsendable("no mail server is configured: set FLYTE_NOTIFIER_SMTP_URL for the notifier")
        try:
            await asyncio.to_thread(self._submit, settings, told)
        except NotAddressed as error:
            raise Unsendable(str(error)) from error
        except smtplib.SMTPResponseException as error:
            raise NotSent(f"the mail server answered {error.smtp_code}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise NotSent(f"the mail server did not take it: {type(error).__name__}") from error

    def _submit(self, settings: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        message, recipients = mail(settings, told, self._settings.smtp_from)
        parts = urlsplit(self._settings.smtp_url)
        host, limit = parts.hostname or "", self._settings.timeout_s
        if parts.scheme == "smtps":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=limit, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or 25, timeout=limit)
        with server:
            server.ehlo()
            if parts.scheme != "smtps" and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message, to_addrs=recipients)

    async def _run(self, words: list[str], told: Mapping[str, Any], id: str) -> None:
        run = told["run"]
        variables = {name: os.environ[name] for name in COMMAND_VARIABLES if name in os.environ}
        variables |= {
            "FLYTE_DELIVERY_ID": id,
            "FLYTE_EVENT_ID": told["event"]["id"],
            "FLYTE_EVENT_TYPE": told["event"]["type"],
            "FLYTE_PROJECT": run["project"],
            "FLYTE_DOMAIN": run["domain"],
            "FLYTE_RUN": run["name"],
            "FLYTE_ACTION": run["action"],
            "FLYTE_TASK": run["task"] or "",
            "FLYTE_PHASE": run["phase"] or "",
            "FLYTE_MESSAGE": sentence(told).replace("\0", ""),
        }
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                env=variables,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise NotSent(f"the command cannot be started: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                _, said = await process.communicate(orjson.dumps(told))
        except TimeoutError as error:
            raise NotSent(f"the command took longer than {self._settings.timeout_s:g} s") from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)  # also what it has left behind
            await process.wait()
        if process.returncode:
            line = said.decode("utf-8", "replace").strip().rpartition("\n")[2][:KEPT_CHARACTERS]
            raise NotSent(f"the command ended with {process.returncode}" + (f": {line}" if line else ""))
