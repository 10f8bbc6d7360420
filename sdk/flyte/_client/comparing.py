"""Gathers what a comparison needs from the log: two runs and the templates of their tasks."""

from flyte._client.phases import unknown
from flyte._client.records import read_record
from flyte._comparing.compare import compare
from flyte._comparing.comparison import Comparison, Side
from flyte_bus.history import find_task
from flyte_bus.ports import Bus
from flyte_schemas.subjects import ROOT_ACTION, RunKey


async def compare_runs(bus: Bus, left: RunKey, right: RunKey) -> Comparison:
    """What differs between two runs.

    Raises LookupError for one that the log does not have; the errors of the bus.
    """
    return compare(await _side(bus, left), await _side(bus, right))


async def _side(bus: Bus, run: RunKey) -> Side:
    record = await read_record(bus, run)
    if record.fold.phase is None:
        raise LookupError(unknown(run.action(ROOT_ACTION)))
    tasks = {state.requested.task for state in record.fold.actions.values() if state.requested is not None}
    found = {task: await find_task(bus.log, run.project, run.domain, task) for task in tasks}
    templates = {task: template for task, template in found.items() if template is not None}
    return Side(run=run, record=record, templates=templates)
