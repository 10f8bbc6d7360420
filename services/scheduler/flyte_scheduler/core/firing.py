"""The run that a trigger starts at an instant: its name, and what is asked for."""

import hashlib
from datetime import UTC, datetime

from flyte_schemas.events import RunSettings, StartRun
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.subjects import RunKey, TriggerKey
from flyte_schemas.task import TaskReference
from flyte_schemas.trigger import Trigger

NAME_CHARACTERS = 40
"""How much of the trigger's name stands in the names of its runs."""


def run_of(key: TriggerKey, instant: datetime) -> RunKey:
    """The one run of this trigger and this instant: who fires it again asks for the same."""
    digest = hashlib.sha256(str(key).encode()).hexdigest()[:8]
    moment = instant.astimezone(UTC).strftime("%Y%m%dt%H%M%Sz")
    return RunKey(key.project, key.domain, f"{key.name[:NAME_CHARACTERS]}-{digest}-{moment}")


def requester(key: TriggerKey) -> str:
    """Who asks for the runs of a trigger, as their `requested_by` says."""
    return f"trigger {key.task}/{key.name}"


def start_of(key: TriggerKey, trigger: Trigger, version: str, instant: datetime) -> StartRun:
    """What is asked for."""
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
        ),
        requested_by=requester(key),
    )
