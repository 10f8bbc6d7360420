"""The embedded stack on this machine: where it is, when it runs."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What a running stack says of itself in `HOME/stack.json`."""

    pid: int
    nats_url: str
    nats_user: str
    nats_password: str
    started_at: str
    version: str
    home: Path
    seal_key: str = ""
    """The public key with which its registry signs seals."""
    console_url: str = ""
    """Where the web page is; empty without one."""
    has_own_server: bool = True
    """Whether the NATS server is its own, and not one that it was told of."""
    nats_credentials: str = ""
    """The file by which its server knows us; empty where a user and a password do."""


def stack_home() -> Path:
    """`$FLYTE_HOME`, or `~/.flyte`."""
    return Path(os.environ.get("FLYTE_HOME") or Path.home() / ".flyte").expanduser().absolute()


def own_folder(path: Path) -> Path:
    """Make a folder of the home, and what is missing above it, for this user alone."""
    if not path.exists():
        own_folder(path.parent)
        path.mkdir(exist_ok=True, mode=0o700)
    return path


def find_stack(home: Path | None = None) -> Stack | None:
    """The stack of `home`, when its process lives; None when there is none."""
    home = home or stack_home()
    try:
        document = json.loads((home / "stack.json").read_text())
        stack = Stack(
            pid=int(document["pid"]),
            nats_url=str(document["nats_url"]),
            nats_user=str(document.get("nats_user", "")),
            nats_password=str(document.get("nats_password", "")),
            started_at=str(document.get("started_at", "")),
            version=str(document.get("version", "")),
            home=home,
            seal_key=str(document.get("seal_key", "")),
            console_url=str(document.get("console_url", "")),
            has_own_server=bool(document.get("has_own_server", True)),
            nats_credentials=_in(home, document),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stack if is_alive(stack.pid) else None


def _in(home: Path, document: dict[str, Any]) -> str:
    """The file of the owner's credentials, in the home as it is seen from here."""
    said = str(document.get("nats_credentials", ""))
    there = str(document.get("home", ""))
    is_inside = said and there and Path(said).is_relative_to(there)
    return str(home / Path(said).relative_to(there)) if is_inside else said


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs (whoever owns it) and is not just waiting to be reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[:1] != ["Z"]
