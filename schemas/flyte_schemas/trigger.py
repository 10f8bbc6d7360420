"""Triggers: what starts a run of a task without anybody asking."""

from typing import Annotated, Any, Literal

from pydantic import Field, NaiveDatetime, PositiveInt

from flyte_schemas.moments import EARLIEST, LATEST, LONGEST_S
from flyte_schemas.notify import Notification
from flyte_schemas.words import Moment, Name, Word

_NaiveMoment = Annotated[
    NaiveDatetime, Field(ge=EARLIEST.replace(tzinfo=None), le=LATEST.replace(tzinfo=None))
]


class CronSchedule(Word):
    """Five fields (minute, hour, day, month, weekday) or `@daily` and its like, in a time zone."""

    kind: Literal["cron"] = "cron"
    expression: str = Field(max_length=200)
    timezone: str = Field(default="UTC", max_length=100)


class RateSchedule(Word):
    """Every `interval_minutes`, counted from `start_time`, or from when the trigger was switched on."""

    kind: Literal["fixed-rate"] = "fixed-rate"
    interval_minutes: int = Field(ge=0, le=int(LONGEST_S // 60))
    start_time: Moment | _NaiveMoment | None = None


class ArtifactArrival(Word):
    """A new version of an artifact; `version` None: any."""

    kind: Literal["artifact"] = "artifact"
    name: str
    version: str | None = None


Automation = Annotated[CronSchedule | RateSchedule | ArtifactArrival, Field(discriminator="kind")]


class Trigger(Word):
    """A trigger of a task. `inputs` are JSON; those in `time_inputs` receive the time it fires at,
    those in `artifact_inputs` the artifact that arrived."""

    name: Name
    automation: Automation
    description: str = ""
    is_active: bool = True
    inputs: dict[str, Any] = {}
    time_inputs: tuple[str, ...] = ()
    artifact_inputs: tuple[str, ...] = ()
    env_vars: dict[str, str] | None = None
    interruptible: bool | None = None
    overwrite_cache: bool = False
    queue: str | None = None
    max_action_concurrency: PositiveInt | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    notifications: tuple[Notification, ...] = ()
    custom_context: dict[str, str] = {}
