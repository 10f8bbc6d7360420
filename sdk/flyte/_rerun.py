"""`flyte.rerun`: a run again, with other inputs if you like."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyte import _session
from flyte._names import check_run_name
from flyte._syncify import Syncified

if TYPE_CHECKING:
    from flyte._client.runs import Run


async def _rerun(
    run_name: str,
    action_name: str = "a0",
    recover: bool = False,
    force_rerun_actions: list[str] | None = None,
    allow_missing_source_outputs: bool = False,
    **inputs: Any,
) -> "Run":
    """Run the task of an action again: the same version, with its inputs unless you give others.

    `run_name` is a name or a URL. Everything runs anew: to take over what had succeeded (`recover`) raises
    NotImplementedError. Raises InitializationError without a client, ActionNotFoundError.
    """
    refuse_recovery(recover or bool(force_rerun_actions) or allow_missing_source_outputs)
    return await again(run_name, action_name, inputs)


async def again(run_name: str, action_name: str, inputs: Mapping[str, Any], **options: Any) -> "Run":
    """The same, with `options` of `flyte._client.again.start_again` for the new run."""
    from flyte._client.again import start_again
    from flyte._client.runs import parse_run

    client = _session.client()
    source = parse_run(run_name, client.config.project, client.config.domain)
    return await start_again(client, source.action(check_run_name(action_name)), inputs, **options)


def refuse_recovery(wanted: bool) -> None:
    """Raises NotImplementedError when it is wanted."""
    if wanted:
        raise NotImplementedError(
            "recovering a run (keeping what had succeeded) is not supported yet: leave out recover, "
            "force_rerun_actions and allow_missing_source_outputs, and everything runs again"
        )


rerun = Syncified(_rerun)
