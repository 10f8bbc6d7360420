"""Credentials that are handed to agents of this machine as files, each read once and removed by its agent.

A file is not in the zygote's memory, from which the tasks' processes are forked, nor on a command line.
"""

import asyncio
import contextlib
import os
from pathlib import Path
from uuid import uuid4

import structlog

from flyte_bus.identity.credentials import Credentials
from flyte_executor.backends.port import Launch, LaunchFailed
from flyte_executor.credentials import Issuer
from flyte_schemas.orders import NOWHERE

log = structlog.get_logger()

LOOK_S = 1.0
"""How often it is looked whether another key makes credentials."""
SPARES_FILE = "spares.creds"
"""By which agents in reserve get ready; it is good for a run that does not exist."""


class Handing:
    """Hands out what `issuer` makes, in `folder`, which only its owner may look into."""

    def __init__(self, issuer: Issuer, folder: Path) -> None:
        self._issuer = issuer
        self._folder = folder
        self._renewing: asyncio.Task[None] | None = None

    @property
    def spares(self) -> Path:
        """The file for agents in reserve."""
        return self._folder / SPARES_FILE

    def start(self) -> None:
        """Clear away what nobody has taken, and keep the file for the reserve up to date."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self._folder.iterdir():
            left.unlink()
        self._write_spares()
        self._renewing = asyncio.create_task(self._renew(), name="credentials of spares")

    async def stop(self) -> None:
        """Write no more."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        self.spares.unlink(missing_ok=True)

    def of_launch(self, launch: Launch) -> Path:
        """The file with the credentials of an attempt. Raises LaunchFailed."""
        place = self.place()
        self._write(place, self._issuer.for_launch(launch))
        return place

    def place(self) -> Path:
        """Where a file will be."""
        return self._folder / f"{uuid4().hex}.creds"

    def to_worker(self, file: Path, place: tuple[str, str], pool: str, worker: str) -> None:
        """Write the file of a worker that waits for it. Raises LaunchFailed."""
        self._write(file, self._issuer.for_worker(place, pool, worker))

    def take_back(self, file: Path) -> None:
        """Nobody will read it."""
        file.unlink(missing_ok=True)

    async def _renew(self) -> None:
        """Write the file when half of its time is over, and when another key makes it."""
        while True:
            made_by, left_s = self._issuer.agents(), self._issuer.ttl_s / 2
            while left_s > 0 and self._issuer.agents() == made_by:
                await asyncio.sleep(min(LOOK_S, left_s))
                left_s -= LOOK_S
            with contextlib.suppress(LaunchFailed):
                self._write_spares()

    def _write_spares(self) -> None:
        self._write(self.spares, self._issuer.for_attempt(NOWHERE))

    def _write(self, file: Path, credentials: Credentials) -> None:
        half = file.with_suffix(".part")
        try:
            descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w") as out:
                out.write(credentials.text)
            half.replace(file)
        except (
            OSError
        ) as error:  # a full disk, say: the attempt is tried again, and so the log waits for room
            raise LaunchFailed(
                f"no agent's credentials could be written to {self._folder}: {error}"
            ) from error
