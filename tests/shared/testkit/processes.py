"""What runs on this machine, as Linux tells it."""

from pathlib import Path


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat that follow the process's name. Raises OSError when it is gone."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def below(ancestor: int) -> list[int]:
    """The processes that `ancestor` and those below it have started and that are there."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(stat_fields(int(folder.name))[1])
        except OSError:  # it has ended meanwhile
            continue
    found, level = [], [ancestor]
    while level := [pid for pid, its_parent in parents.items() if its_parent in level]:
        found += level
    return found
