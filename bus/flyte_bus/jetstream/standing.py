"""How a connection stands with its server: who it is, what it was refused, and whether it was put out."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from flyte_bus import access
from flyte_bus.access import Access
from flyte_bus.errors import BusError, BusUnavailable, NotAllowed
from flyte_bus.facts import Facts
from flyte_bus.jetstream.client import Denied

log = Facts(__name__)

REFUSALS_BELIEVED = 3
"""How often in a row a server that comes back refuses us before that is its last word: it may be starting."""


class Standing:
    """Of one connection; the server says all of this in its own time, beside what was asked."""

    def __init__(self, *, has_credentials: bool) -> None:
        self.access: Access | None = None
        """Who we are, where our credentials say so."""
        self._has_credentials = has_credentials
        self._refusals = 0
        self._denied: dict[str, set[Callable[[NotAllowed], None]]] = {}
        self._ended: Callable[[], BusError] | None = None
        self._is_ended = asyncio.Event()

    def on_denied(self, subject: str, listener: Callable[[NotAllowed], None]) -> Callable[[], None]:
        """Tell `listener` when the server does not let us use that subject; returns the undo."""
        listeners = self._denied.setdefault(subject, set())
        listeners.add(listener)

        def undo() -> None:
            listeners.discard(listener)
            if not listeners and self._denied.get(subject) is listeners:
                del self._denied[subject]

        return undo

    def deny(self, denied: Denied) -> None:
        """The server does not permit this: tell those who wait for it."""
        log.warning("bus.not_allowed", subject=denied.subject, listening=denied.listening)
        for listener in tuple(self._denied.get(denied.subject, ())):
            listener(self.not_allowed(denied))

    def not_allowed(self, denied: Denied) -> NotAllowed:
        """The sentence about a refusal."""
        message, hint = access.refusal(self.access, denied.subject, listening=denied.listening)
        return NotAllowed(message, hint, subject=denied.subject)

    def not_let_in(self, said: str) -> NotAllowed:
        """The sentence about credentials that the server does not take; `said` are its words."""
        return NotAllowed(*access.ended(self.access, said.removeprefix("nats: "), datetime.now(UTC)))

    def let_in(self) -> None:
        """The server took us again."""
        self._refusals = 0

    def is_last_refusal(self, said: str) -> bool:
        """Whether, after these words of a server that we came back to, there is no use in coming again.

        Only where credentials were given: a user and a password are what the server's file says just now.
        """
        if not self._has_credentials or "authorization" not in said.lower():
            return False
        self._refusals += 1
        is_over = self.access is not None and self.access.is_over(datetime.now(UTC))
        return is_over or self._refusals >= REFUSALS_BELIEVED

    def put_out(self, said: str, server: str) -> Callable[[], BusError]:
        """The server ended the connection for good with these words; what makes the errors about it."""
        if self._ended is None:
            is_about_us = self._has_credentials and "auth" in said.lower()
            self._ended = (
                (lambda: self.not_let_in(said))
                if is_about_us
                else (lambda: BusUnavailable(f"NATS at {server} ended the connection: {said or 'no reason'}"))
            )
            self._is_ended.set()
            log.error("bus.connection.ended", server=server, reason=str(self._ended()))
        return self._ended

    async def ended(self) -> BusError:
        """Return why the server ended the connection for good, when it does."""
        await self._is_ended.wait()
        return self.closed()

    def check(self) -> None:
        """Raise why the connection ended, if the server ended it for good."""
        if self._ended is not None:
            raise self._ended()

    def closed(self) -> BusError:
        """Why nothing can be asked on a connection that is closed."""
        return self._ended() if self._ended else BusUnavailable("the connection to NATS is closed")
