"""What a run is to take over from an earlier one: from what a user says, and what the log has of that run."""

from flyte._client.phases import unknown
from flyte._rerun import Recover
from flyte.errors import ActionNotFoundError, RuntimeUserError
from flyte_bus.history import read_run
from flyte_bus.ports import Bus
from flyte_schemas.recovery import Recovery
from flyte_schemas.run import RunFold
from flyte_schemas.subjects import ROOT_ACTION, ActionKey


async def recovery_from(bus: Bus, source: ActionKey, wanted: Recover) -> Recovery:
    """The recovery of the action `source` and all below it.

    Raises RuntimeUserError (`RunNotOver`) while it runs, ActionNotFoundError for an action to run again that
    is not below it.
    """
    fold = await read_run(bus.log, source.run)
    state = fold.get(source.action)
    if not state.is_terminal:
        raise RuntimeUserError(
            "RunNotOver",
            f"run {source.run.run} is {state.phase.name if state.phase else 'unknown'}: wait for its end, or "
            f"`flyte abort run {source.run.run}`, and recover it then",
        )
    again, on_the_way = set[str](), set[str]()
    for name in wanted.again:
        if name == source.action:
            again.add(ROOT_ACTION)
            continue
        again.add(name)
        on_the_way.update(_above(fold, source, name))
    before = state.requested.settings.recovery if state.requested and state.requested.settings else None
    return Recovery(
        run=source.run.run,
        action=source.action,
        root=before.root if before is not None else source.action,
        again=tuple(sorted(again)),
        on_the_way=tuple(sorted(on_the_way)),
        allow_missing_outputs=wanted.allow_missing_outputs,
    )


def _above(fold: RunFold, source: ActionKey, name: str) -> list[str]:
    """The actions from the parent of `name` up to the child of the source's action."""
    if fold.get(name).phase is None:
        raise ActionNotFoundError(unknown(source.run.action(name)))
    above: list[str] = []
    parent = fold.get(name).parent
    while parent is not None and parent != source.action:
        above.append(parent)
        parent = fold.get(parent).parent
    if parent is None:
        raise ActionNotFoundError(f"action {name!r} of run {source.run.run} is not below {source.action}")
    return above
