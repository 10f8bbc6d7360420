"""Conditions on the stack: find what waits for a person, and answer it."""

from collections.abc import AsyncGenerator
from typing import Any

from flyte import errors
from flyte._client.details import Connected
from flyte._client.phases import read_history
from flyte._client.runs import parse_run, run_not_found
from flyte._client.signalling import ask_signal, wait_until_over
from flyte._client.trouble import reminding, say_on_stderr, translated
from flyte._client.watch import RunWatch
from flyte._documents import Documented
from flyte._streams import Streamed
from flyte._syncify import Syncified, syncify
from flyte_schemas.action import ActionState
from flyte_schemas.conditions import AnswerType, fitting, unfit
from flyte_schemas.literals import Answer, InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ActionKey, RunKey


async def get_condition(name: str, run_name: str, action_name: str | None = None) -> "Condition":
    """The condition `name` of a run (a name or a URL); with `action_name`, only if this action asked for it.

    Raises InitializationError without a client, ConditionNotFoundError.
    """
    from flyte import _session

    client = _session.client()
    key = parse_run(run_name, client.config.project, client.config.domain).action(name)
    with translated():
        try:
            state = (await read_history(await client.bus(), key)).state
        except errors.ActionNotFoundError as error:
            raise _not_found(key) from error
    if state.condition is None or action_name not in (None, name, state.parent):
        raise _not_found(key)
    return Condition(client, key, state)


async def _list_conditions(
    run_name: str, action_name: str | None = None, limit: int = 100
) -> AsyncGenerator["Condition"]:
    """The conditions of a run, in the order in which they were asked for; with `action_name`, of one action.

    Raises RuntimeUserError (`RunNotFound`).
    """
    from flyte import _session

    client = _session.client()
    run = parse_run(run_name, client.config.project, client.config.domain)
    with translated():
        watch = RunWatch(await client.bus(), run)
        await watch.refresh()
    if not watch.fold.actions:
        raise run_not_found(run)
    found = [(name, state) for name, state in watch.fold.actions.items() if state.condition is not None]
    wanted = [(name, state) for name, state in found if action_name in (None, name, state.parent)]
    for name, state in wanted[:limit]:
        yield Condition(client, run.action(name), state)


class Condition(Documented):
    """A condition as it was when it was looked at. Methods block; each has an `.aio` form to be awaited."""

    def __init__(self, connected: Connected, key: ActionKey, state: ActionState) -> None:
        assert state.condition is not None  # whoever looks it up has seen to that
        self._connected = connected
        self._key = key
        self._state = state
        self._asked = state.condition

    def __repr__(self) -> str:
        return f"<condition {self.run_name}/{self.name}: {self.phase.name}>"

    @property
    def name(self) -> str:
        return self._key.action

    @property
    def action_name(self) -> str:
        """The name of its action in the run: its own."""
        return self._key.action

    @property
    def run_name(self) -> str:
        return self._key.run.run

    @property
    def parent_name(self) -> str | None:
        """The action that asked."""
        return self._state.parent

    @property
    def phase(self) -> ActionPhase:
        """PAUSED while it waits."""
        return self._state.phase or ActionPhase.PAUSED

    @property
    def prompt(self) -> str:
        return self._asked.prompt

    @property
    def description(self) -> str:
        return self._asked.description

    @property
    def expected_type(self) -> AnswerType:
        """What an answer is: "bool", "int", "float" or "str"."""
        return self._asked.data_type

    @property
    def answer(self) -> Answer | None:
        """What was answered; None while nobody has."""
        literal = (self._state.outputs or {}).get("o0")
        return literal.value if isinstance(literal, InlineLiteral) else None

    async def _signal(self, payload: Answer) -> None:
        """Answer it. The first answer counts, and the answer is in the log when this returns.

        Raises TypeError for an answer of another type, RuntimeUserError (`ConditionIsOver`) when it was
        answered before, or is over otherwise. While no executor runs, the answer waits in the log for one,
        and this returns after a while with a word on standard error.
        """
        value = fitting(self.expected_type, payload)
        if value is None:
            raise TypeError(unfit(self.name, self.expected_type, payload))
        if self._state.is_terminal:
            raise _is_over(self._key, self._state)
        with translated():
            bus = await self._connected.bus()
            request_id = await ask_signal(bus, self._key, value)
            waiting = wait_until_over(bus, self._key)
            ended = await reminding(waiting, say_on_stderr, "waiting for the executor to take the answer")
        if ended is None:
            say_on_stderr("no executor has taken the answer yet: it waits in the log")
            return
        self._state, cause = ended
        if cause != request_id:
            raise _is_over(self._key, self._state)

    def to_dict(self) -> dict[str, Any]:
        """The condition as JSON data."""
        asked_at, ended_at = self._state.requested_at, self._state.ended_at
        return {
            "name": self.name,
            "run": self.run_name,
            "parent": self.parent_name,
            "phase": self.phase.value,
            "prompt": self.prompt,
            "prompt_type": self._asked.prompt_type,
            "description": self.description,
            "expected_type": self.expected_type,
            "timeout_s": self._asked.timeout_s,
            "requested_at": asked_at.isoformat() if asked_at else None,
            "ended_at": ended_at.isoformat() if ended_at else None,
            "answer": self.answer,
            "answered_by": self._state.signalled_by,
        }

    signal = syncify(_signal)
    get = Syncified(get_condition)
    listall = Streamed(_list_conditions)


def _not_found(key: ActionKey) -> errors.ConditionNotFoundError:
    run: RunKey = key.run
    return errors.ConditionNotFoundError(
        f"run {run.run!r} in {run.project}/{run.domain} has no condition {key.action!r}: "
        f"`flyte get condition {run.run}` lists them"
    )


def _is_over(key: ActionKey, state: ActionState) -> errors.RuntimeUserError:
    how = f"it is {state.phase.name}" if state.phase else "it is over"
    literal = (state.outputs or {}).get("o0")
    if isinstance(literal, InlineLiteral):
        by = f" by {state.signalled_by}" if state.signalled_by else ""
        how = f"it was answered with {literal.value!r}{by}"
    return errors.RuntimeUserError(
        "ConditionIsOver", f"condition {key.action!r} of run {key.run.run} takes no answer any more: {how}"
    )
