"""Runs as the registry lists them."""

from flyte import _session
from flyte._client.filters import RunFilter
from flyte._client.trouble import reminding, say_on_stderr, translated
from flyte._limits import PATIENCE_S
from flyte_schemas.endpoints import LIST_RUNS, ListRuns, RunSummary
from flyte_schemas.streams import RUNS


async def list_runs(
    project: str, domain: str, *, name: str | None = None, limit: int = 100, wanted: RunFilter | None = None
) -> tuple[RunSummary, ...]:
    """The newest runs first, as of all that the log holds now; with `name`, just that one.

    Raises RuntimeSystemError when the registry does not answer.
    """
    with translated():
        bus = await _session.client().bus()
        wanted = wanted or RunFilter()
        after, before = wanted.created_at.bounds
        updated_after, updated_before = wanted.updated_at.bounds
        question = ListRuns(
            project=project,
            domain=domain,
            name=name,
            limit=limit,
            in_phase=wanted.in_phase,
            task_name=wanted.task_name,
            task_version=wanted.task_version,
            requested_by=wanted.requested_by,
            requested_after=after,
            requested_before=before,
            updated_after=updated_after,
            updated_before=updated_before,
            labels=wanted.labels,
            label_keys=wanted.label_keys,
            paused_only=wanted.paused_only,
            sort_by=wanted.order.by,
            ascending=wanted.order.ascending,
            at_least_sequence=await bus.log.last_sequence(RUNS),
        )
        asked = bus.ask(LIST_RUNS, question, timeout_s=PATIENCE_S)
        return (await reminding(asked, say_on_stderr, "waiting for the registry to answer")).runs
