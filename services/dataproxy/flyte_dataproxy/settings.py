"""The limits of the dataproxy and where it keeps and serves its objects, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CHUNK_BYTES = 256 * 1024
"""How much of an object is in memory at a time, for each transfer."""
DISK_THREADS = 8
"""How many reads and writes of the disk go on at a time."""
STALE_UPLOAD_S = 24 * 3600.0
"""Half-written files older than this are removed at the start: their writers are gone."""

_EVERY_ADDRESS = ("0.0.0.0", "::", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataproxySettings:
    """Times in seconds, sizes in bytes; `port` 0 takes a free one.

    `public_url` is what clients are told (an ingress, say); None means the address that is bound. An upload
    that sends nothing for `idle_timeout_s` is dropped.

    Raises ValueError when the address that is bound is none that a client could use.
    """

    root: Path
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str | None = None
    url_ttl_s: float = 900.0
    max_object_bytes: int = 5 * 1024**3
    idle_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if self.public_url is None and self.host in _EVERY_ADDRESS:
            raise ValueError(
                f"clients cannot reach {self.host!r}: set FLYTE_DATAPROXY_PUBLIC_URL, "
                "e.g. http://dataproxy.flyte.svc:8080"
            )
        if self.public_url is not None and urlsplit(self.public_url).scheme not in ("http", "https"):
            raise ValueError(f"FLYTE_DATAPROXY_PUBLIC_URL is not an http(s) address: {self.public_url!r}")


def from_environment(variables: Mapping[str, str] = os.environ) -> DataproxySettings:
    """Settings from `FLYTE_HOME` (default `~/.flyte`; objects lie in its `artifacts`) and
    `FLYTE_DATAPROXY_ROOT`, `_HOST`, `_PORT`, `_PUBLIC_URL`, `_URL_TTL_S`, `_MAX_OBJECT_BYTES`.

    Raises ValueError naming the variable that cannot be read.
    """
    home = Path(variables.get("FLYTE_HOME") or "~/.flyte").expanduser()
    root = variables.get("FLYTE_DATAPROXY_ROOT")
    unset = DataproxySettings(root=home / "artifacts")
    return DataproxySettings(
        root=Path(root).expanduser() if root else unset.root,
        host=variables.get("FLYTE_DATAPROXY_HOST", unset.host),
        port=_whole(variables, "FLYTE_DATAPROXY_PORT", unset.port),
        public_url=variables.get("FLYTE_DATAPROXY_PUBLIC_URL") or None,
        url_ttl_s=_whole(variables, "FLYTE_DATAPROXY_URL_TTL_S", int(unset.url_ttl_s)),
        max_object_bytes=_whole(variables, "FLYTE_DATAPROXY_MAX_OBJECT_BYTES", unset.max_object_bytes),
    )


def _whole(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name, "")
    if text and not text.isdecimal():
        raise ValueError(f"{name} is not a whole number: {text!r}")
    return int(text) if text else default
