"""How much memory a process may have and had, from what Linux says; nothing of it is known elsewhere.

A process that is killed for its memory gets SIGKILL, as from anybody. What tells the two apart are counters:
the cgroup's (v2 `memory.events`, v1 `memory.oom_control`) and the machine's (`/proc/vmstat`).
"""

import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")

_UNLIMITED_BYTES = 1 << 60
"""What is above is no limit: cgroup v1 says "none" by a number near 2**63."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimits:
    """What bounds this process: its cgroups' limit and the machine's memory (None: unknown), in bytes.

    `cgroup_kills` and `machine_kills` count the processes that were killed for memory until now.
    """

    cgroup_bytes: int | None = None
    machine_bytes: int | None = None
    cgroup_kills: int | None = None
    machine_kills: int | None = None


def read_limits(root: Path = ROOT) -> MemoryLimits:
    """The limits of this process. `root` is where /proc and /sys are."""
    folders = list(_cgroups(root))
    limits = [limit for folder in folders for limit in (_limit(folder),) if limit is not None]
    kills = [count for folder in folders for count in (_kills(folder),) if count is not None]
    total = _fields(root / "proc/meminfo").get("MemTotal:")
    return MemoryLimits(
        cgroup_bytes=min(limits, default=None),
        machine_bytes=total * 1024 if total else None,
        cgroup_kills=next(iter(kills), None),  # its own group's: those above count others too
        machine_kills=_fields(root / "proc/vmstat").get("oom_kill"),
    )


def peak_bytes(usage: resource.struct_rusage) -> int:
    """The most memory that the process of this usage held (its resident set)."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def address_space_bytes() -> int | None:
    """The limit of this process's address space (`ulimit -v`); None without one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def size_text(size_bytes: int) -> str:
    """A size as people say it: 512 MiB, 1.5 GiB."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{size_bytes} bytes"


def _cgroups(root: Path) -> Iterator[Path]:
    """The folders of the memory cgroups that this process is in, from its own up to the outermost."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        own = top / path.lstrip("/")
        # In a container the path is the host's, and the container's own group is mounted at the top.
        yield from (own, *(folder for folder in own.parents if folder.is_relative_to(top)))


def _limit(folder: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        text = _text(folder / name).strip()
        if text.isdecimal() and int(text) < _UNLIMITED_BYTES:
            return int(text)
    return None


def _kills(folder: Path) -> int | None:
    return (_fields(folder / "memory.events") or _fields(folder / "memory.oom_control")).get("oom_kill")


def _fields(path: Path) -> dict[str, int]:
    """Lines like `oom_kill 3` or `MemTotal: 16 kB`, by their first word."""
    words = (line.split() for line in _text(path).splitlines())
    return {line[0]: int(line[1]) for line in words if len(line) > 1 and line[1].isdecimal()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
