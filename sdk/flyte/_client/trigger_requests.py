"""Requests about triggers: kept in the log until a scheduler answers, whether or not one is up now."""

import asyncio
import uuid
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flyte._client.identity import SOURCE, who
from flyte._client.trouble import Say, reminding
from flyte._limits import TRIGGER_PATIENCE_S
from flyte.errors import RuntimeUserError
from flyte_bus.ports import Bus
from flyte_bus.triggers import NONE_YET, read_triggers
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.streams import TRIGGERS
from flyte_schemas.subjects import trigger_request, triggers_subject
from flyte_schemas.trigger_events import (
    CreateTrigger,
    DeleteTrigger,
    DeployTriggers,
    SwitchTrigger,
    TriggerRefused,
)

if TYPE_CHECKING:
    from flyte._plan import Plan

Request = DeployTriggers | CreateTrigger | SwitchTrigger | DeleteTrigger


async def ask_scheduler(bus: Bus, project: str, domain: str, request: Request, say: Say) -> bool:
    """Ask, and wait until it is done; False: no scheduler has taken it yet, and it waits in the log.

    Raises RuntimeUserError (`TriggerRefused`) with the scheduler's reason; the bus's errors.
    """
    subject = triggers_subject(project, domain, request.task)
    last = await bus.log.last(TRIGGERS, subject)
    user = who()
    event = Event(
        id=f"trigger.{uuid.uuid4().hex}",
        source=SOURCE,
        subject=trigger_request(project, domain, request.task.partition(".")[0], user),
        time=datetime.now(UTC),
        data=request.model_copy(update={"requested_by": user}),
    )
    await bus.log.append(event)
    after = 0 if last is None else last.sequence
    waiting = _answered(bus, subject, after, event.id)
    try:
        async with asyncio.timeout(TRIGGER_PATIENCE_S):
            refused = await reminding(waiting, say, "waiting for the scheduler to take the request")
    except TimeoutError:
        say("no scheduler has taken the request yet: it waits in the log")
        return False
    if refused:
        raise RuntimeUserError("TriggerRefused", refused)
    return True


async def _answered(bus: Bus, subject: str, after: int, request_id: str) -> str:
    """Return when the request was answered: why it was refused, or the empty text."""
    async with aclosing(bus.log.follow(TRIGGERS, subject, after=after)) as entries:
        async for entry in entries:
            if isinstance(entry.content, Malformed) or entry.content.cause != request_id:
                continue
            data = entry.content.data
            return data.reason if isinstance(data, TriggerRefused) else ""
    return ""


async def settle_triggers(bus: Bus, plan: "Plan", project: str, domain: str, say: Say) -> bool:
    """Let the versions that were deployed say which triggers their tasks have; whether that changed any.

    Raises as `ask_scheduler` does.
    """
    subjects = [triggers_subject(project, domain, template.name) for template in plan.templates]
    said = await asyncio.gather(*(bus.log.last(TRIGGERS, subject) for subject in subjects))
    concerned = [one for one, last in zip(plan.templates, said, strict=True) if last or one.triggers]
    if not concerned:
        return False
    known = await read_triggers(bus.log, project, domain)
    changing = [
        DeployTriggers(task=template.name, version=plan.version)
        for template in concerned
        if not known.get(template.name, NONE_YET).agrees(plan.version, template.triggers)
    ]
    await asyncio.gather(*(ask_scheduler(bus, project, domain, request, say) for request in changing))
    return bool(changing)
