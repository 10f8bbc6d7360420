"""The registry's settings and limits; every one has its unit in its name."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

SERVICE = "registry"
"""What the registry calls itself on the bus."""

Clock = Callable[[], datetime]

LOOK_PATIENCE_S = 0.8
"""How long the read model may lag behind a stream before the registry says that it is not ready."""

READ_MODEL_FILE = "registry.sqlite3"
SEAL_KEY_FILE = "seal.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """Where the read model lies, and how much the registry takes on at once."""

    read_model_file: Path
    seal_key_file: Path | None = None
    """The key that runs are sealed with, made when it is not there; None: nothing is sealed."""
    seal_quiet_s: float = 1.0
    """So long after its last word a run that is over is sealed."""
    seal_every_events: int = 500
    """So many events of a run are sealed though it goes on."""
    seal_after_s: float = 600.0
    """After so long they are sealed, however few they are."""

    max_in_flight: int = 256
    """Deploy requests that may be out without acknowledgement."""
    ack_wait_s: float = 5.0
    """When a request that a registry took and never answered, because it was killed, goes to another one."""
    max_decisions: int = 20
    """How often one request is decided anew because somebody else wrote first."""
    max_deliveries: int = 5
    """After so many failures of ours a request is set aside."""
    retry_delay_s: float = 1.0
    """How long a request rests before it is delivered again."""
    max_histories: int = 10_000
    """Tasks whose versions are kept in memory."""
    max_batch: int = 2_000
    """Entries that one transaction of the read model takes in."""
    answer_patience_s: float = 5.0
    """How long a question waits for the read model to see what the log holds."""
    max_listed: int = 500
    """Rows in one answer; an answer is one message."""
    max_answer_bytes: int = 600_000
    """What rows may take in one answer; a message of the bus has room for a megabyte."""
    max_compared: int = 5_000
    """Names that are looked at for the nearest ones."""
    max_similar: int = 5
    """Nearest names in the answer to a question for an unknown task."""


def in_folder(folder: Path) -> RegistrySettings:
    """Settings of a registry that keeps its files in `folder`."""
    return RegistrySettings(read_model_file=folder / READ_MODEL_FILE, seal_key_file=folder / SEAL_KEY_FILE)


def from_environment(keys: Path | None = None) -> RegistrySettings:
    """The files are in `$FLYTE_REGISTRY_HOME`, else in `registry` of `$FLYTE_HOME` (`~/.flyte`).

    `$FLYTE_REGISTRY_SEAL_KEY` names the key for seals, where it is not to be `seal.key` in the folder `keys`,
    or, without one, there.
    """
    home = Path(os.environ.get("FLYTE_HOME", "") or Path.home() / ".flyte")
    found = in_folder(Path(os.environ.get("FLYTE_REGISTRY_HOME", "") or home / "registry"))
    key = os.environ.get("FLYTE_REGISTRY_SEAL_KEY", "") or (keys / SEAL_KEY_FILE if keys else "")
    return replace(found, seal_key_file=Path(key)) if key else found
