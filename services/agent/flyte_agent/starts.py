"""What the user's process is told of the log: how its attempt starts, and which versions are deployed."""

from flyte._runtime.messages import Find, Found, SeenSecrets, Start
from flyte_agent.known import RunRoot
from flyte_bus.history import find_version, read_action
from flyte_bus.ports import EventLog
from flyte_schemas.action import ActionState
from flyte_schemas.events import ActionRequested
from flyte_schemas.orders import Order
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskTemplate
from flyte_schemas.tracing import attempt_context


def start_of(
    order: Order,
    state: ActionState,
    template: TaskTemplate,
    root: RunRoot,
    *,
    folder: str,
    patience_s: float,
    recovers: bool,
    reused: bool,
    secrets: SeenSecrets | None = None,
) -> Start:
    """The order for the runner, of an action that was requested; its code lies in `folder`."""
    assert state.requested is not None
    at = attempt_context(state.traceparent, order.key)
    return Start(
        project=order.project,
        domain=order.domain,
        run=order.run,
        action=order.action,
        attempt=order.attempt,
        version=state.requested.task.version,
        template=template,
        inputs=state.requested.inputs,
        env_vars=state.requested.env_vars,
        custom_context=state.requested.custom_context,
        root=folder,
        run_began=root.requested_at,
        raw_data_path=root.settings.raw_data_path,
        patience_s=patience_s,
        checkpoint=state.checkpoint,
        names_of=_recovered(state),
        recovers=recovers,
        reused=reused,
        traceparent=None if at is None else str(at),
        secrets=secrets,
    )


async def claimed_state(
    log: EventLog, order: Order, requested: ActionRequested | None, traceparent: str | None
) -> tuple[ActionState, int]:
    """The action as it was claimed, or is by now, and a sequence before which none of its words is.

    Of a first attempt that its giver knew all about, the log need not be read.
    """
    if requested is None:
        return await read_action(log, order.key.action)
    state = ActionState(
        phase=ActionPhase.INITIALIZING,
        requested=requested,
        attempt=order.attempt,
        fence=order.fence,
        traceparent=traceparent,
    )
    return state, order.fence


async def found_version(log: EventLog, order: Order, question: Find) -> Found:
    """The version that the user's code asks for, from the log."""
    found = await find_version(log, order.project, order.domain, question.name, question.version)
    if found is None:
        return Found(call=question.call)
    return Found(call=question.call, version=found[0], template=found[1])


def _recovered(state: ActionState) -> str | None:
    """The action of an earlier run whose children this one's are to match by name."""
    settings = state.requested.settings if state.requested else None
    return settings.recovery.root if settings and settings.recovery else None
