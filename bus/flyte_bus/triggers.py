"""Triggers as the log has them now: for whoever shows one, or decides about one."""

from flyte_bus.ports import Entry, EventLog
from flyte_schemas.envelope import Malformed
from flyte_schemas.streams import TRIGGERS
from flyte_schemas.subjects import parse_task, triggers_subject
from flyte_schemas.trigger_state import TaskTriggers, evolve, skip

NONE_YET = TaskTriggers()


async def read_triggers(
    log: EventLog, project: str, domain: str, task: str | None = None
) -> dict[str, TaskTriggers]:
    """By task, the triggers of a project and domain (or of one task), folded."""
    states: dict[str, TaskTriggers] = {}
    async for entry in log.read(TRIGGERS, triggers_subject(project, domain, task or "*.*")):
        if (place := parse_task(entry.subject)) is not None:
            states[place[2]] = folded(states.get(place[2], NONE_YET), entry)
    return states


def folded(state: TaskTriggers, entry: Entry) -> TaskTriggers:
    """The state after one more message on the subject of a task's triggers."""
    if isinstance(entry.content, Malformed):
        return skip(state, entry.sequence)
    return evolve(state, entry.content, entry.sequence)
