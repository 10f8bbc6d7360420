"""A process on this machine, named by its id and its start time: an id alone may be a stranger's by now."""

import os
from pathlib import Path


def start_time(pid: int) -> str:
    """When the process started, in the system's own count; "" when it cannot be told."""
    fields = stat_fields(pid)
    return fields[19] if fields else ""


def process_name(pid: int, started: str) -> str:
    """What such a process is called."""
    return f"{pid}-{started}"


def is_alive(pid: int, started: str = "") -> bool:
    """Whether this very process runs. A zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is there, and somebody else's
    fields = stat_fields(pid)
    if not fields:
        return not Path("/proc/self").exists()
    return fields[0] not in "ZX" and (not started or fields[19] == started)


def stat_fields(pid: int) -> list[str]:
    """What Linux tells of a process after its name: state, parent, …; empty when it is gone, or not Linux."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
