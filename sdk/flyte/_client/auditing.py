"""Check what the log says of runs against what must hold of it."""

from flyte_bus.ports import Bus
from flyte_schemas.audit import Audit
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import RunKey, run_filter


async def audit_log(bus: Bus, run: RunKey | None = None) -> Audit:
    """The audit of one run, or of all that the log holds. Raises the bus's errors."""
    audit = Audit()
    subject = RUNS.subjects[0] if run is None else run_filter(run)
    async for entry in bus.log.read(RUNS, subject):
        audit.take(entry.subject, entry.sequence, entry.content)
    audit.finish()
    return audit
