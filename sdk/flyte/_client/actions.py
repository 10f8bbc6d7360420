"""One action of a run on the stack, by name; and all the actions of a run."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from flyte._client.details import Connected
from flyte._client.filters import Direction, Phases, TimeFilter, order_of, phases_of
from flyte._client.phases import History, last_change, read_histories
from flyte._client.pictures import ActionDetails
from flyte._client.runs import parse_run, run_not_found
from flyte._client.tracked import Tracked
from flyte._client.trouble import translated
from flyte._runtime.context import ActionID
from flyte._streams import Streamed
from flyte._syncify import Syncified, block_on, syncify
from flyte_schemas.action import ActionState
from flyte_schemas.subjects import ROOT_ACTION, ActionKey

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


async def get_action(
    uri: str | None = None, run_name: str | None = None, name: str | None = None
) -> "Action":
    """The action `name` of the run `run_name` (or of the run that the URL `uri` names; its root by default).

    Raises InitializationError without a client, ActionNotFoundError for an action that the log does not have.
    """
    from flyte import _session

    client = _session.client()
    where = uri or run_name
    if where is None:
        raise ValueError("Action.get needs a uri, or run_name and name")
    run = parse_run(where, client.config.project, client.config.domain)
    action = Action(client, run.action(name or ROOT_ACTION))
    if (await action._look()).phase is None:
        raise action._unknown()
    return action


async def _list_actions(
    for_run_name: str,
    in_phase: Phases = None,
    parent_name: str | None = None,
    sort_by: tuple[str, Direction] | None = None,
    created_at: TimeFilter | None = None,
    updated_at: TimeFilter | None = None,
) -> AsyncGenerator["Action"]:
    """The actions of a run, in the order in which they were asked for (or as `sort_by` says).

    `updated_at` is when an action ended; until then, when it began. Raises RuntimeUserError (`RunNotFound`),
    ValueError for a way to sort that there is not.
    """
    from flyte import _session

    order = order_of(sort_by, ascending=True)
    client = _session.client()
    run = parse_run(for_run_name, client.config.project, client.config.domain)
    with translated():
        histories = await read_histories(await client.bus(), run)
    if not histories:
        raise run_not_found(run)
    wanted, created, updated = phases_of(in_phase), created_at or TimeFilter(), updated_at or TimeFilter()
    pairs = list(histories.items())
    if order.by == "updated_at":
        pairs.sort(key=lambda pair: last_change(pair[1].state) or _BEFORE_ALL)
    for name, history in pairs if order.ascending else reversed(pairs):
        state = history.state
        if wanted and state.phase not in wanted:
            continue
        if parent_name is not None and state.parent != parent_name:
            continue
        if created.admits(state.requested_at) and updated.admits(last_change(state)):
            yield Action(client, run.action(name), history)


class Action(Tracked):
    """An action of a run on the stack: like a run, and it knows its place in one."""

    def __init__(self, connected: Connected, action: ActionKey, seen: History | None = None) -> None:
        super().__init__(connected, action, as_of=seen.as_of if seen else None)
        self._seen = seen

    def __repr__(self) -> str:
        return f"<action {self.run_name}/{self.name} of {self.task_name}: {self.status}>"

    async def _details(self) -> ActionDetails:
        """A picture of it as it is now."""
        return await self._picture()

    @property
    def run_name(self) -> str:
        return self._key.run

    @property
    def task_name(self) -> str | None:
        return self.known.task_name

    @property
    def parent_name(self) -> str | None:
        return self.known.parent

    @property
    def group(self) -> str | None:
        return self.known.group

    @property
    def relation(self) -> str | None:
        """None: an action is nothing else's but its parent's."""
        return None

    @property
    def action_id(self) -> ActionID:
        run = self._key
        return ActionID(name=self.name, run_name=run.run, project=run.project, domain=run.domain)

    @property
    def start_time(self) -> datetime | None:
        return self.known.requested_at

    @property
    def known(self) -> ActionState:
        """Its state when it was first looked at: enough for what never changes."""
        return self.seen._state

    @property
    def seen(self) -> ActionDetails:
        """A picture of it as it was when it was listed, or is first looked at."""
        if self._seen is None:
            self._seen = block_on(self._picture())._history
        return ActionDetails(self._connected, self._action, self._seen)

    details = syncify(_details)
    get = Syncified(get_action)
    listall = Streamed(_list_actions)
