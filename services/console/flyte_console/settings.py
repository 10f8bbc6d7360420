"""Where the console listens, and its limits; every one has its unit in its name."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from flyte_bus.tls import Certificate, certificate_of
from flyte_schemas.trust import trusted_by

SERVICE = "console"
"""What the console calls itself on the bus."""

ASSETS = Path(__file__).parent / "assets"
"""The web page, as it was built."""

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
"""What a browser on this machine may call it: names that nobody else's page can have."""

MAX_SESSION_HOURS = 24 * 366


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """`port` 0 takes a free one. `public_url` is where browsers find it, when that is not the address that is
    bound (an ingress, say). `allowed_hosts`: by which names a request may call it, besides that one and those
    of this machine; `*` is any. With a `certificate` it speaks HTTPS; `trusted` vouches for the object store
    (`flyte_schemas.trust`).

    Raises ValueError for an address that cannot be.
    """

    host: str = "127.0.0.1"
    port: int = 0
    public_url: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    project: str = "default"
    domain: str = "development"
    """What the page shows first."""
    certificate: Certificate | None = None
    trusted: str = ""

    session_s: float = 72 * 3600.0
    """How long a session lasts at most."""
    idle_s: float = 12 * 3600.0
    """A session that nobody uses for so long has ended."""
    code_s: float = 60.0
    """How long the address is good that a browser signs in with."""
    max_opened: int = 60
    """Sessions of one place that may be asked for in a minute."""
    max_wrong: int = 20
    """Wrong codes from one address in a minute; what is over is told to wait."""
    fresh_s: float = 5.0
    """How long a session that was found is believed."""
    stale_s: float = 300.0
    """The same while the bus is away."""
    max_known_sessions: int = 1_000
    """Sessions that are remembered between two looks into the bus."""

    ask_patience_s: float = 5.0
    """How long a question to the bus or to a service may take before the answer is 503."""
    read_patience_s: float = 30.0
    """How long an answer may take that reads a whole run, or all of its output."""
    max_streams: int = 256
    """Browsers that follow something at a time."""
    heartbeat_s: float = 15.0
    """A stream that is silent for so long says that it is alive."""
    bunch_s: float = 0.1
    """What happens within so long of the last word goes into one message."""
    max_rows: int = 1_000
    """Rows in one message of a stream."""
    write_timeout_s: float = 60.0
    """A browser that takes nothing for so long is cut off; it goes on where it was."""
    linger_s: float = 30.0
    """How long a run, or a project's list, is followed on after the last one who looked."""
    max_views: int = 64
    """Runs that are followed, or kept after their end, at a time; and likewise projects' lists that are."""
    max_kept_actions: int = 30_000
    """Actions of all runs that nobody looks at just now, and that are kept all the same."""
    max_listed: int = 500
    """Rows in one answer."""
    max_events: int = 1_000
    """Events in one answer."""
    max_lines: int = 5_000
    """Lines in one answer, but for the rest of the last chunk; and lines that wait for a slow reader."""
    max_characters: int = 4 * 1024**2
    """As `max_lines`, of these lines together."""
    max_left: int = 64
    """Readers of output whose place is remembered for when they go on."""
    last_look_s: float = 1.0
    last_looks: int = 5
    """How long, and how often, output is waited for whose attempt has ended."""
    max_changed_runs: int = 1_000
    """Runs of a project whose last changes are kept for those who follow its list."""
    max_catch_up: int = 20_000
    """How far back a list can be followed from, in messages of the log; else it is loaded anew."""
    list_bunch_s: float = 0.5
    """How long changes of runs are gathered before the list's followers are told."""

    def __post_init__(self) -> None:
        if self.public_url is not None and urlsplit(self.public_url).scheme not in ("http", "https"):
            raise ValueError(f"FLYTE_CONSOLE_PUBLIC_URL is not an http(s) address: {self.public_url!r}")

    def hosts(self) -> frozenset[str] | None:
        """The names that a request may call the console by, in lower case; None: any."""
        names = {name.lower() for name in self.allowed_hosts}
        if "*" in names:
            return None
        if self.public_url is not None:
            names.add(_name(self.public_url))
        return frozenset(names.union(LOOPBACK_NAMES))

    @property
    def public_host(self) -> str | None:
        """The name in `public_url`, when it is an https address."""
        is_secure = self.public_url is not None and self.public_url.startswith("https://")
        return _name(self.public_url) if self.public_url is not None and is_secure else None


def from_environment(variables: Mapping[str, str] = os.environ) -> ConsoleSettings:
    """Settings from the variables `FLYTE_CONSOLE_…`, `FLYTE_TASK_…` and `FLYTE_…CA`.

    Raises ValueError naming the variable that cannot be read.
    """
    unset = ConsoleSettings()
    port = variables.get("FLYTE_CONSOLE_PORT") or "0"
    if not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f"FLYTE_CONSOLE_PORT is {port!r}: give a port, or 0 for any that is free")
    hours = variables.get("FLYTE_CONSOLE_SESSION_HOURS") or f"{unset.session_s / 3600:g}"
    if not hours.isdecimal() or not 1 <= int(hours) <= MAX_SESSION_HOURS:
        raise ValueError(
            f"FLYTE_CONSOLE_SESSION_HOURS is {hours!r}: give whole hours, from 1 to {MAX_SESSION_HOURS}"
        )
    hosts = variables.get("FLYTE_CONSOLE_ALLOWED_HOSTS", "").split(",")
    return ConsoleSettings(
        host=variables.get("FLYTE_CONSOLE_HOST") or unset.host,
        port=int(port),
        public_url=(variables.get("FLYTE_CONSOLE_PUBLIC_URL") or "").rstrip("/") or None,
        allowed_hosts=tuple(host.strip() for host in hosts if host.strip()),
        project=variables.get("FLYTE_TASK_PROJECT") or unset.project,
        domain=variables.get("FLYTE_TASK_DOMAIN") or unset.domain,
        session_s=int(hours) * 3600.0,
        certificate=certificate_of(variables, ("FLYTE_CONSOLE_CERT", "FLYTE_CONSOLE_KEY")),
        trusted=trusted_by(variables),
    )


def _name(address: str) -> str:
    """The host in an address, as a request names it."""
    name = (urlsplit(address).hostname or "").lower()
    return f"[{name}]" if ":" in name else name
