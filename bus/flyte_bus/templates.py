"""Task templates, read from the log once: a version never changes, so what was found stays true."""

import asyncio

from flyte_bus.history import find_task
from flyte_bus.ports import EventLog
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import TaskReference, TaskTemplate

TEMPLATES_KEPT = 4_096
"""How many templates are remembered; any may be forgotten and read again."""


class Templates:
    """Answers by reference; of many who ask for the same template at once, one reads it."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._known: dict[tuple[str, str, str, str], TaskTemplate] = {}
        self._reading = asyncio.Lock()

    async def find(self, run: RunKey, task: TaskReference) -> TaskTemplate | None:
        """The template of a version in the run's project and domain; None when it was never deployed."""
        place = (run.project, run.domain, task.name, task.version)
        if place in self._known:
            return self._known[place]
        async with self._reading:
            if place not in self._known:
                found = await find_task(self._log, run.project, run.domain, task)
                if found is None:
                    return None
                self._keep(place, found)
            return self._known[place]

    def _keep(self, place: tuple[str, str, str, str], template: TaskTemplate) -> None:
        if len(self._known) >= TEMPLATES_KEPT:
            del self._known[next(iter(self._known))]
        self._known[place] = template
