"""What an embedded stack is told."""

from dataclasses import dataclass, field
from pathlib import Path

from flyte_bus.security import Security


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """`home`: where it keeps everything; `nats_url`: a server that exists, None to start one of our own;
    `replicas`: how many servers of a cluster keep each stream; `security`: what proves who they and we are;
    `keys`: the folder of `flyte admin init`, for a server that knows roles: each service is its own user.

    `artifacts`: a folder or `s3://BUCKET/PREFIX` for objects, and `endpoint_url` where that S3 is; empty for
    the home, and for AWS. `backend`: where attempts run; empty for what the variables say. `console`: whether
    the web page is served.
    """

    home: Path
    nats_url: str | None = None
    nats_user: str = ""
    nats_password: str = ""
    keys: Path | None = None
    replicas: int = 1
    security: Security = field(default_factory=Security)
    artifacts: str = ""
    endpoint_url: str = ""
    backend: str = ""
    console: bool = True
