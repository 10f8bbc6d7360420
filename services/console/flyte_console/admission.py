"""Whether there is such a run: in the log of runs, or in that of requests until somebody admits it."""

from flyte_bus.history import last_request
from flyte_bus.ports import Bus
from flyte_console.problems import Trouble, not_found
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.events import StartRun
from flyte_schemas.subjects import ActionKey, RunKey


async def asked_for(bus: Bus, key: RunKey) -> AnyEvent | None:
    """The request for a run, as long as the log of requests has it."""
    entry = await last_request(bus.log, key)
    if entry is None or isinstance(entry.content, Malformed):
        return None
    return entry.content if isinstance(entry.content.data, StartRun) else None


def unknown(key: ActionKey) -> Trouble:
    """The log has no such run, or action."""
    run = key.run
    place = f"{run.project}/{run.domain}"
    if key.is_root:
        message = f"the log has no run {run.run!r} in {place}"
        return not_found("RunNotFound", message, "The list of runs shows what there is.")
    message = f"the log has no action {key.action!r} of run {run.run!r} in {place}"
    return not_found("ActionNotFound", message, "The run's page shows what there is.")
