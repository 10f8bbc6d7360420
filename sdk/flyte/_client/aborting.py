"""Ask for an action to be given up: a request that the executor carries out, whether or not it is up now."""

import uuid
from datetime import UTC, datetime

from flyte._client.identity import SOURCE, who
from flyte_bus.ports import Bus
from flyte_schemas.envelope import Event
from flyte_schemas.events import AbortAction
from flyte_schemas.subjects import ActionKey, abort_request


async def ask_abort(bus: Bus, key: ActionKey, reason: str) -> str:
    """Append the request; its id. Raises the bus's errors."""
    user = who()
    request = Event(
        id=f"abort.{uuid.uuid4().hex}",
        source=SOURCE,
        subject=abort_request(key.run, user),
        time=datetime.now(UTC),
        data=AbortAction(action=key.action, reason=reason, requested_by=user),
    )
    await bus.log.append(request)
    return request.id
