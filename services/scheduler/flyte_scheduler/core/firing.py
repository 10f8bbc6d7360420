"""The run that a trigger starts at an instant: its name, and what is asked for."""

import hashlib
from datetime import UTC, datetime

from flyte_schemas.events import RunSettings, StartRun
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.subjects import RunKey, TriggerKey
from flyte_schemas.task import TaskReference
from flyte_schemas.trigger_state import TriggerState
from flyte_schemas.users import SCHEDULER

NAME_CHARACTERS = 40
"""How much of the trigger's name stands in the names of its runs."""


def run_of(key: TriggerKey, instant: datetime) -> RunKey:
    """The one run of this trigger and this instant: who fires it again asks for the same."""
    digest = hashlib.sha256(str(key).encode()).hexdigest()[:8]
    moment = instant.astimezone(UTC).strftime("%Y%m%dt%H%M%Sz")
    return RunKey(key.project, key.domain, f"{key.name[:NAME_CHARACTERS]}-{digest}-{moment}")


def start_of(key: TriggerKey, state: TriggerState, instant: datetime) -> StartRun:
    """What is asked for: on behalf of whoever made the trigger, or switched it last."""
    trigger, version = state.trigger, state.version
    values = dict(trigger.inputs) | dict.fromkeys(trigger.time_inputs, instant.astimezone(UTC).isoformat())
    return StartRun(
        task=TaskReference(name=key.task, version=version),
        inputs={name: InlineLiteral(value=value) for name, value in values.items()},
        env_vars=trigger.env_vars or {},
        custom_context=trigger.custom_context,
        settings=RunSettings(
            labels=trigger.labels,
            annotations=trigger.annotations,
            interruptible=trigger.interruptible,
            overwrite_cache=trigger.overwrite_cache,
            queue=trigger.queue or "",
            max_action_concurrency=trigger.max_action_concurrency,
            notifications=trigger.notifications,
            on_behalf_of=state.updated_by,
            trigger=f"{key.task}/{key.name}",
        ),
        requested_by=SCHEDULER,
    )
