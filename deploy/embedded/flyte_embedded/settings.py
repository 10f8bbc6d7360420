"""What an embedded stack is told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """`home`: where it keeps everything; `nats_url`: a server that exists, None to start one of our own;
    `replicas`: how many servers of a cluster keep each stream.

    `artifacts`: a folder or `s3://BUCKET/PREFIX` for objects, and `endpoint_url` where that S3 is; empty for
    the home, and for AWS. `backend`: where attempts run; empty for what the variables say.
    """

    home: Path
    nats_url: str | None = None
    nats_user: str = ""
    nats_password: str = ""
    replicas: int = 1
    artifacts: str = ""
    endpoint_url: str = ""
    backend: str = ""
