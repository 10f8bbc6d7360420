"""`flyte.rerun`: a run again, with other inputs if you like, and without what had succeeded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    task_version: str | None = None,
    **inputs: Any,
) -> "Run":
    """Run the task of an action again: the same version, with its inputs unless you give others.

    `run_name` is a name or a URL. With `recover`, calls that had succeeded in that run are not made again: an
    action of the same name, which is the same call by the same caller, is RECOVERED with the outputs that it
    had. The action itself runs again, and so do those named in `force_rerun_actions` with all below them.
    What runs again with the same version and inputs has its traced steps that had succeeded, unless it was
    named.
    An action whose outputs the artifact store has lost fails, unless `allow_missing_source_outputs` makes it
    run again. `task_version` runs another deployed version ("latest": the newest); what had succeeded by the
    older code is taken over too, so name what it should do anew.

    Raises InitializationError without a client, ActionNotFoundError, RuntimeUserError (`RunNotOver`) to
    recover what still runs, ValueError for arguments that need `recover`.
    """
    wanted = recover_of(recover, force_rerun_actions, allow_missing_source_outputs)
    return await again(run_name, action_name, inputs, recover=wanted, task_version=task_version)


async def again(run_name: str, action_name: str, inputs: Mapping[str, Any], **options: Any) -> "Run":
    """The same, with `options` of `flyte._client.again.start_again` for the new run."""
    from flyte._client.again import start_again
    from flyte._client.runs import parse_run

    client = _session.client()
    source = parse_run(run_name, client.config.project, client.config.domain)
    return await start_again(client, source.action(check_run_name(action_name)), inputs, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover:
    """What a user says of a recovery: run these actions `again`, and those whose outputs are lost."""

    again: tuple[str, ...] = ()
    allow_missing_outputs: bool = False


def recover_of(recover: bool, again: Sequence[str] | None, allow_missing_outputs: bool) -> Recover | None:
    """What the arguments say. Raises ValueError for those that concern a recovery only."""
    if recover:
        return Recover(again=tuple(again or ()), allow_missing_outputs=allow_missing_outputs)
    if again or allow_missing_outputs:
        raise ValueError(
            "which actions run again, and whether outputs may be missing, is asked of a recovery: without "
            "recover (--recover) everything runs again"
        )
    return None


rerun = Syncified(_rerun)
