"""Where the bus is and how long we wait for it; every service and client reads the same variables."""

import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class BusSettings:
    """How to reach NATS. Times in seconds.

    `patience_s` is how long one append, read or question waits for a bus that is away before it raises
    `BusUnavailable`; services wait practically for ever, a person at a terminal does not.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    name: str = "flyte"
    connect_timeout_s: float = 5.0
    patience_s: float = 60.0
    replicas: int = 1

    @property
    def shown_url(self) -> str:
        """The address without the credentials that may stand in it."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


SERVICE_PATIENCE_S = 24 * 3600.0

LEASE_TTL_S = 10
"""How long a worker may be silent before its attempt may be given to another, in whole seconds."""


def lease_ttl_from_environment() -> int:
    """`FLYTE_LEASE_TTL_S`, the same for all agents and executors of a control plane.

    Raises ValueError for anything but whole seconds from 1.
    """
    wanted = os.environ.get("FLYTE_LEASE_TTL_S") or str(LEASE_TTL_S)
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(f"FLYTE_LEASE_TTL_S is {wanted!r}: give whole seconds, at least 1")
    return int(wanted)


def from_environment(name: str, *, patience_s: float = SERVICE_PATIENCE_S) -> BusSettings:
    """Settings from `FLYTE_NATS_URL`, `FLYTE_NATS_USER`, `FLYTE_NATS_PASSWORD`, `FLYTE_NATS_REPLICAS`.

    Raises ValueError when no address is given.
    """
    url = os.environ.get("FLYTE_NATS_URL", "")
    if not url:
        raise ValueError("no NATS server is configured: set FLYTE_NATS_URL, e.g. nats://127.0.0.1:4222")
    return BusSettings(
        url=url,
        user=os.environ.get("FLYTE_NATS_USER", ""),
        password=os.environ.get("FLYTE_NATS_PASSWORD", ""),
        name=name,
        patience_s=patience_s,
        replicas=int(os.environ.get("FLYTE_NATS_REPLICAS", "1")),
    )
