"""Where the bus is and how long we wait for it; every service and client reads the same variables."""

import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from flyte_bus import security
from flyte_bus.security import Security

DEFAULT_SCHEME = "nats"


@dataclass(frozen=True, slots=True, kw_only=True)
class BusSettings:
    """How to reach NATS. Times in seconds.

    `url` names a server, or several of one cluster with commas between them: any of them will do, and when
    one goes away the next is taken. `replicas` is how many servers of a cluster keep each stream (1, 3 or 5).
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
    security: Security = field(default_factory=Security)
    waits_for_room: bool = False
    """Whether an append waits for room in a full store as long as the patience lasts; else StreamFull."""

    @property
    def servers(self) -> list[str]:
        """The address of each server."""
        texts = [text.strip() for text in self.url.split(",") if text.strip()]
        return [text if "://" in text else f"{DEFAULT_SCHEME}://{text}" for text in texts]

    @property
    def wants_tls(self) -> bool:
        """Whether no other connection than one with TLS will do."""
        return self.security.wants_tls or any(server.startswith("tls://") for server in self.servers)

    @property
    def shown_url(self) -> str:
        """The addresses without the credentials that may stand in them."""
        return ",".join(_without_credentials(server) for server in self.servers)


def _without_credentials(address: str) -> str:
    parts = urlsplit(address)
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
    """Settings from `FLYTE_NATS_URL`, `_USER`, `_PASSWORD`, `_REPLICAS`, `_CA`, `_CERT`, `_KEY`, `_CREDS`.

    Raises ValueError when no address is given, for a number of replicas that cannot be, and for files that
    are not there.
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
        replicas=replicas_from_environment(),
        security=security.from_environment(),
        waits_for_room=True,
    )


def replicas_from_environment() -> int:
    """How many servers keep each stream: `FLYTE_NATS_REPLICAS`, else 1. Raises ValueError."""
    text = os.environ.get("FLYTE_NATS_REPLICAS") or "1"
    if text not in ("1", "2", "3", "4", "5"):
        raise ValueError(
            f"FLYTE_NATS_REPLICAS is {text!r}: it is a number from 1 to 5, 3 for a cluster of three"
        )
    return int(text)
