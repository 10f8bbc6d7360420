"""A place in the public stream, as a subscriber keeps it: how far it has read the runs and the tasks.

Two streams have two sequences. To a subscriber a cursor is an opaque word; a plain number is one too, and
means a sequence of the runs.
"""

import re
from typing import NamedTuple

_FORM = re.compile(r"r(\d{1,18})\.t(\d{1,18})|(\d{1,18})")


class Cursor(NamedTuple):
    """After these sequences of `FLYTE_RUNS` and `FLYTE_TASKS`; `tasks` None: from when `runs` was."""

    runs: int = 0
    tasks: int | None = 0

    def __str__(self) -> str:
        return str(self.runs) if self.tasks is None else f"r{self.runs}.t{self.tasks}"


def parse_cursor(text: str) -> Cursor:
    """The cursor that was written so. Raises ValueError with one sentence."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no cursor: give what an event's `cursor` said, or a sequence")
    if found[3] is None:
        return Cursor(int(found[1]), int(found[2]))
    return Cursor(int(found[3]), None if int(found[3]) else 0)
