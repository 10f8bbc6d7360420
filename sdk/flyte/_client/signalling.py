"""Answer a condition: a request that the executor carries out, whether or not it is up now."""

import asyncio
import uuid
from contextlib import aclosing
from datetime import UTC, datetime

from flyte._client.identity import SOURCE, who
from flyte._limits import SIGNAL_PATIENCE_S
from flyte_bus.ports import Bus
from flyte_schemas.action import ActionState, evolve
from flyte_schemas.envelope import AnyEvent, Event, Malformed
from flyte_schemas.events import SignalCondition
from flyte_schemas.literals import Answer
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ActionKey, action_subject, signal_request


async def ask_signal(bus: Bus, key: ActionKey, value: Answer) -> str:
    """Append the request; its id. Raises the bus's errors."""
    user = who()
    request = Event(
        id=f"signal.{uuid.uuid4().hex}",
        source=SOURCE,
        subject=signal_request(key.run, user),
        time=datetime.now(UTC),
        data=SignalCondition(condition=key.action, value=value, requested_by=user),
    )
    await bus.log.append(request)
    return request.id


async def wait_until_over(bus: Bus, key: ActionKey) -> tuple[ActionState, str | None] | None:
    """A condition's state when it is over, and what brought that about; None when it takes too long."""
    try:
        async with asyncio.timeout(SIGNAL_PATIENCE_S):
            return await _until_over(bus, key)
    except TimeoutError:
        return None


async def _until_over(bus: Bus, key: ActionKey) -> tuple[ActionState, str | None] | None:
    state = ActionState()
    async with aclosing(bus.log.follow(RUNS, action_subject(key))) as entries:
        async for entry in entries:
            if isinstance(entry.content, Malformed):
                continue
            event: AnyEvent = entry.content
            state = evolve(state, event, entry.sequence)
            if state.is_terminal:
                return state, event.cause
    return None
