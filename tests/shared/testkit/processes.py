"""What runs on this machine, as Linux tells it."""

from pathlib import Path

from flyte_bus.process import stat_fields


def below(ancestor: int) -> list[int]:
    """The processes that `ancestor` and those below it have started and that are there."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if fields := stat_fields(int(folder.name)):  # else it has ended meanwhile
            parents[int(folder.name)] = int(fields[1])
    found, level = [], [ancestor]
    while level := [pid for pid, its_parent in parents.items() if its_parent in level]:
        found += level
    return found
