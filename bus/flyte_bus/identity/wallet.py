"""Credentials that are held in memory only, and exchanged for later ones while a connection stands."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from flyte_bus.identity.credentials import Credentials


class Wallet:
    """Of one user of the server: the key stays, the token that lets it in is renewed."""

    def __init__(self, credentials: Credentials) -> None:
        self.current = credentials
        self._exchanged: Callable[[], Awaitable[None]] | None = None

    def on_exchange(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Have a connection come again by the new token, before the server ends it for the old one's sake."""
        self._exchanged = listener

    def left_s(self, now: datetime) -> float | None:
        """For how long the token is good, in seconds; None: for ever."""
        expires_at = self.current.identity.expires_at
        return None if expires_at is None else (expires_at - now).total_seconds()

    async def exchange(self, jwt: str) -> None:
        """Go on by this token. Raises ValueError for one that is another user's, or is over already."""
        later = Credentials(jwt, self.current.seed)
        if later.identity.public != self.current.identity.public:
            raise ValueError("the token that was given is for another key")
        expires_at = later.identity.expires_at
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise ValueError("the token that was given is over already: the clocks differ")
        self.current = later
        if self._exchanged is not None:
            await self._exchanged()
