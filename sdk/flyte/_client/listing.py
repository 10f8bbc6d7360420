"""Runs as the registry lists them."""

from flyte import _session
from flyte._client.trouble import reminding, say_on_stderr, translated
from flyte._limits import PATIENCE_S
from flyte_schemas.endpoints import LIST_RUNS, ListRuns, RunSummary
from flyte_schemas.streams import RUNS


async def list_runs(
    project: str, domain: str, *, name: str | None = None, limit: int = 100
) -> tuple[RunSummary, ...]:
    """The newest runs first, as of all that the log holds now; with `name`, just that one.

    Raises RuntimeSystemError when the registry does not answer.
    """
    with translated():
        bus = await _session.client().bus()
        question = ListRuns(
            project=project,
            domain=domain,
            name=name,
            limit=limit,
            at_least_sequence=await bus.log.last_sequence(RUNS),
        )
        asked = bus.ask(LIST_RUNS, question, timeout_s=PATIENCE_S)
        return (await reminding(asked, say_on_stderr, "waiting for the registry to answer")).runs
