"""Reads a run's record: what explanations and comparisons are made from."""

from contextlib import aclosing

from flyte._explaining.record import RunRecord
from flyte_bus.ports import Bus
from flyte_schemas.envelope import Malformed
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import RunKey, parse_action, run_filter


async def read_record(bus: Bus, run: RunKey) -> RunRecord:
    """All that the log says of a run, and nothing of one that it does not have. Raises the bus's errors."""
    record = RunRecord()
    async with aclosing(bus.log.read(RUNS, run_filter(run))) as entries:
        async for entry in entries:
            place = parse_action(entry.subject)
            if place is not None and not isinstance(entry.content, Malformed):
                record.take(place.action, entry.content, entry.sequence)
    return record
