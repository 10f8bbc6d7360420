"""What makes users of a role, in a file that `flyte admin rotate` writes anew while an executor runs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from flyte_bus.identity.minting import Minter

SETTLED_S = 3.0
"""How old a new file is before it counts: a server that reads the accounts anew is not let down by then."""

log = structlog.get_logger()


@dataclass
class MinterFile:
    """Of one role. Called, it gives what the file holds now; what it held before where that is nothing."""

    file: Path
    role: str
    clock: Callable[[], float] = time.time
    _current: Minter = field(init=False)
    _written_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Raises ValueError for a file that holds no signing key of this role."""
        self._current, self._written_at = self._read()

    def __call__(self) -> Minter:
        try:
            written_at = self.file.stat().st_mtime
            if written_at != self._written_at and self.clock() - written_at >= SETTLED_S:
                self._current, self._written_at = self._read()
                log.info("executor.signing_key.read_anew", role=self.role)
        except (OSError, ValueError) as error:
            log.warning("executor.signing_key.unreadable", role=self.role, error=str(error))
        return self._current

    def _read(self) -> tuple[Minter, float]:
        try:
            written_at = self.file.stat().st_mtime
            found = Minter.read(self.file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.file} cannot be used to let a {self.role} in: {error}") from error
        if found.role != self.role:
            raise ValueError(
                f"{self.file} is the signing key of the role {found.role}, and not of {self.role}"
            )
        return found, written_at
