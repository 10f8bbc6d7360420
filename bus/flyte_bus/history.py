"""Answers that come straight from the log: a task's version, a run's states, who is asked.

Whoever places or runs an action asks here and not the registry, so that nothing that runs depends on a
read model being up.
"""

from flyte_bus.ports import Entry, EventLog
from flyte_schemas.action import ActionState, evolve, skip
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import TaskDeployed
from flyte_schemas.imported import TaskImported
from flyte_schemas.run import RunFold
from flyte_schemas.streams import REQUESTS, RUNS, TASKS
from flyte_schemas.subjects import (
    ActionKey,
    RunKey,
    action_subject,
    parse_action,
    run_filter,
    run_requests,
    task_subject,
)
from flyte_schemas.task import TaskReference, TaskTemplate


async def find_task(log: EventLog, project: str, domain: str, task: TaskReference) -> TaskTemplate | None:
    """The template of one version of a task; None when it was never deployed.

    It is the last version mostly, so that is looked at before all of them are read.
    """
    subject = task_subject(project, domain, task.name)
    last = await log.last(TASKS, subject)
    if last is None:
        return None
    if (found := _template(last, task.version)) is not None:
        return found
    async for entry in log.read(TASKS, subject):
        if (found := _template(entry, task.version)) is not None:
            return found
    return None


def _template(entry: Entry, version: str) -> TaskTemplate | None:
    if isinstance(entry.content, Malformed):
        return None
    data = entry.content.data
    if isinstance(data, TaskDeployed | TaskImported) and data.version == version:
        return data.template
    return None


async def find_version(
    log: EventLog, project: str, domain: str, name: str, version: str | None = None
) -> tuple[str, TaskTemplate] | None:
    """A version of a task (the one deployed last when `version` is None) and its template.

    One that was imported is the last only where nothing was deployed.
    """
    deployed = imported = None
    async for entry in log.read(TASKS, task_subject(project, domain, name)):
        if isinstance(entry.content, Malformed):
            continue
        match entry.content.data:
            case TaskDeployed(version=found, template=template) if version in (None, found):
                deployed = (found, template)
            case TaskImported(version=found, template=template) if version in (None, found):
                imported = (found, template)
            case _:
                pass
    return deployed or imported


async def last_request(log: EventLog, run: RunKey) -> Entry | None:
    """The last request for a run, whoever asked; None when nobody has, or it is longer ago than requests are
    kept.
    """
    found = None
    asked, asked_by_earlier_versions = run_requests(run)
    async for entry in log.read(REQUESTS, asked):
        found = entry
    return found or await log.last(REQUESTS, asked_by_earlier_versions)


async def read_run(log: EventLog, run: RunKey, into: RunFold | None = None) -> RunFold:
    """Everything that happened in a run until now, folded."""
    fold = into or RunFold()
    async for entry in log.read(RUNS, run_filter(run)):
        key = parse_action(entry.subject)
        if key is None:
            continue
        if isinstance(entry.content, Malformed):
            fold.skip(key.action, entry.sequence)
        else:
            fold.apply(key.action, entry.content, entry.sequence)
    return fold


async def read_action(log: EventLog, key: ActionKey) -> tuple[ActionState, int]:
    """One action's state now, and the sequence of the first event on its subject (0: there is none)."""
    state, first = ActionState(), 0
    async for entry in log.read(RUNS, action_subject(key)):
        first = first or entry.sequence
        if isinstance(entry.content, Malformed):
            state = skip(state, entry.sequence)
        else:
            state = evolve(state, entry.content, entry.sequence)
    return state, first
