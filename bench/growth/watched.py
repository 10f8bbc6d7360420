"""The most memory that each kind of process of a stack had, while something went on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flyte_bus.process import stat_fields
from testkit.processes import below

LOOK_S = 0.5
"""How often memory is looked at."""
STACK, SERVER = "stack", "nats-server"
AGENT, TASK = "largest agent", "largest task process"
KINDS = (STACK, SERVER, AGENT, TASK)


@contextmanager
def peaks(stack: int) -> Iterator[dict[str, float]]:
    """The peak of the RSS, in MiB, by kind of process; complete when the block is over."""
    found: dict[str, float] = {}
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(LOOK_S):
            for kind, size in _memory(stack):
                found[kind] = max(found.get(kind, 0.0), size / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        is_over.set()
        watcher.join()


def _memory(stack: int) -> Iterator[tuple[str, int]]:
    """Each process of a stack: its kind and what it holds, in bytes. A task's is below its agent's."""
    processes = [stack, *below(stack)]
    parents = {pid: int(fields[1]) for pid in processes if (fields := stat_fields(pid))}
    for pid in parents:
        depth, above = 0, pid
        while above != stack and above in parents:
            depth, above = depth + 1, parents[above]
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
        except OSError:
            continue  # it has ended meanwhile
        if depth == 0:
            yield STACK, resident
        elif name == SERVER:
            yield SERVER, resident
        elif depth > 1:
            yield (AGENT if depth == 2 else TASK), resident
