"""The limits of the dataproxy and where it keeps and serves its objects, from the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from flyte_bus.tls import Certificate, certificate_of

CHUNK_BYTES = 256 * 1024
"""How much of an object is in memory at a time, for each transfer."""
DISK_THREADS = 8
"""How many reads and writes of the disk go on at a time."""
STALE_UPLOAD_S = 24 * 3600.0
"""Half-written files older than this are removed at the start: their writers are gone."""
REQUIRED_YOUTH_S = 1800.0
"""An object older than this is made young again when an uploader is told that it is there already."""

MAX_LISTED = 2000
"""How many objects one answer names: it is one message."""

_EVERY_ADDRESS = ("0.0.0.0", "::", "")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_ADDRESSING = ("auto", "path", "virtual")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """Where objects are kept in S3: below `prefix` (empty, or ending with a slash) in `bucket`.

    Keys that are None are found as AWS's own tools find them: variables, profiles, roles. `public_url` is the
    endpoint as clients reach it, when that is another address than this service's.

    Raises ValueError for a bucket or an address that cannot be.
    """

    bucket: str
    prefix: str = ""
    endpoint_url: str | None = None
    public_url: str | None = None
    region: str | None = None
    addressing_style: str = "auto"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    anonymous: bool = False

    def __post_init__(self) -> None:
        if _BUCKET.fullmatch(self.bucket) is None:
            raise ValueError(f"FLYTE_DATAPROXY_ROOT names no bucket: {self.bucket!r} (s3://BUCKET/PREFIX)")
        if self.addressing_style not in _ADDRESSING:
            raise ValueError(
                f"FLYTE_DATAPROXY_S3_ADDRESSING is one of {', '.join(_ADDRESSING)}, "
                f"not {self.addressing_style!r}"
            )
        for name, url in (
            ("FLYTE_AWS_ENDPOINT", self.endpoint_url),
            ("FLYTE_DATAPROXY_PUBLIC_URL", self.public_url),
        ):
            if url is not None and urlsplit(url).scheme not in ("http", "https"):
                raise ValueError(f"{name} is not an http(s) address: {url!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataproxySettings:
    """Times in seconds, sizes in bytes; `port` 0 takes a free one. With `s3`, objects lie there and not in
    `root`, and S3 serves them: `host`, `port`, `public_url` and `idle_timeout_s` mean nothing then.

    `public_url` is what clients are told (an ingress, say); None means the address that is bound. An upload
    that sends nothing for `idle_timeout_s` is dropped. With a `certificate` the server speaks HTTPS.

    Raises ValueError when the address that is bound is none that a client could use.
    """

    root: Path
    s3: S3Settings | None = None
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str | None = None
    url_ttl_s: float = 900.0
    max_object_bytes: int = 5 * 1024**3
    idle_timeout_s: float = 60.0
    certificate: Certificate | None = None

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
    `FLYTE_DATAPROXY_ROOT`, `_HOST`, `_PORT`, `_PUBLIC_URL`, `_URL_TTL_S`, `_MAX_OBJECT_BYTES`, `_CERT` and
    `_KEY`.

    A root `s3://BUCKET/PREFIX` is reached by `FLYTE_AWS_ENDPOINT`, `FLYTE_AWS_ACCESS_KEY_ID` and
    `FLYTE_AWS_SECRET_ACCESS_KEY` (else AWS's own variables, profiles and roles), `AWS_REGION`,
    `FLYTE_DATAPROXY_S3_ADDRESSING` (auto, path or virtual) and `FLYTE_DATAPROXY_S3_ANONYMOUS`.

    Raises ValueError naming the variable that cannot be read.
    """
    home = Path(variables.get("FLYTE_HOME") or "~/.flyte").expanduser()
    root = variables.get("FLYTE_DATAPROXY_ROOT") or ""
    unset = DataproxySettings(root=home / "artifacts")
    on_s3 = root.startswith("s3://")
    return DataproxySettings(
        root=Path(root).expanduser() if root and not on_s3 else unset.root,
        s3=_s3(root, variables) if on_s3 else None,
        host=variables.get("FLYTE_DATAPROXY_HOST", unset.host),
        port=_whole(variables, "FLYTE_DATAPROXY_PORT", unset.port),
        public_url=variables.get("FLYTE_DATAPROXY_PUBLIC_URL") or None,
        url_ttl_s=_whole(variables, "FLYTE_DATAPROXY_URL_TTL_S", int(unset.url_ttl_s)),
        max_object_bytes=_whole(variables, "FLYTE_DATAPROXY_MAX_OBJECT_BYTES", unset.max_object_bytes),
        certificate=certificate_of(variables, ("FLYTE_DATAPROXY_CERT", "FLYTE_DATAPROXY_KEY")),
    )


def _s3(url: str, variables: Mapping[str, str]) -> S3Settings:
    def said(*names: str) -> str | None:
        return next((variables[name] for name in names if variables.get(name)), None)

    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    endpoint = said("FLYTE_AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    return S3Settings(
        bucket=bucket,
        prefix=f"{prefix.strip('/')}/" if prefix.strip("/") else "",
        endpoint_url=endpoint,
        public_url=said("FLYTE_DATAPROXY_PUBLIC_URL"),
        region=said("AWS_REGION", "AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else None),
        addressing_style=said("FLYTE_DATAPROXY_S3_ADDRESSING") or ("path" if endpoint else "auto"),
        access_key_id=said("FLYTE_AWS_ACCESS_KEY_ID"),
        secret_access_key=said("FLYTE_AWS_SECRET_ACCESS_KEY"),
        anonymous=(said("FLYTE_DATAPROXY_S3_ANONYMOUS") or "").lower() in ("1", "true", "yes"),
    )


def _whole(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name, "")
    if text and not text.isdecimal():
        raise ValueError(f"{name} is not a whole number: {text!r}")
    return int(text) if text else default
