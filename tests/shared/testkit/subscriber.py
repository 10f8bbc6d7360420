"""The examples of subscribers as processes: started, stopped, killed, and their journals read."""

import asyncio
import json
import random
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testkit.cli import clean_environment
from testkit.nats_server import NatsServer

SUBSCRIBERS = Path(__file__).parents[3] / "sdk" / "examples" / "subscribers"
DIES_EARLY = 0.2
"""How many of those that are killed are killed before they write."""


@dataclass
class Subscriber:
    """One of the examples, its journal, and how often it was killed."""

    command: list[str]
    journal: Path
    server: NatsServer
    access: Mapping[str, str] | None = None
    """By which variables it is let in, in place of the server's user and password."""
    kills: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    told: Path = field(init=False)

    def __post_init__(self) -> None:
        self.told = self.journal.with_suffix(".txt")

    def start(self) -> None:
        user = {"FLYTE_NATS_USER": self.server.user, "FLYTE_NATS_PASSWORD": self.server.password}
        access = user if self.access is None else self.access
        environment = clean_environment(FLYTE_ADMIN_ENDPOINT=self.server.url, **access)
        with self.told.open("ab") as told:
            self.process = subprocess.Popen(
                [*self.command, str(self.journal)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: it has no chance to tidy up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def size(self) -> int:
        return self.journal.stat().st_size if self.journal.exists() else 0

    async def beyond(self, size: int) -> None:
        """Return when the journal has more bytes than this."""
        while self.size <= size:
            assert self.process is not None and self.process.poll() is None, self.told.read_text()
            await asyncio.sleep(0.005)

    async def live_and_die(self, dice: random.Random) -> None:
        """A life that ends at any moment: mostly while it writes, now and then as it begins."""
        before = self.size
        self.start()
        if dice.random() < DIES_EARLY:
            await asyncio.sleep(dice.random() * 0.3)
        else:
            await self.beyond(before)
            await asyncio.sleep(dice.random() * 0.1)
        self.kill()
        self.kills += 1

    def lines(self) -> list[dict[str, Any]]:
        """What stands in the journal."""
        return [json.loads(line) for line in self._text().splitlines()]

    async def until(self, *ids: str) -> None:
        """Return when events with these ids stand in the journal."""
        wanted = [f'"{id}"'.encode() for id in ids]
        while not all(id in self._text() for id in wanted):
            with suppress(TimeoutError):  # it may have come between the two looks
                async with asyncio.timeout(0.1):
                    await self.beyond(self.size)

    def _text(self) -> bytes:
        return self.journal.read_bytes() if self.journal.exists() else b""
