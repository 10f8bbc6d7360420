"""What an embedded stack is told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """`home`: where it keeps everything; `nats_url`: a server that exists, None to start one of our own;
    `replicas`: how many servers of a cluster keep each stream.
    """

    home: Path
    nats_url: str | None = None
    nats_user: str = ""
    nats_password: str = ""
    replicas: int = 1
