"""Triggers: what starts a run of a task without anybody asking."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from flyte._binding import did_you_mean
from flyte._runtime.convert import to_json
from flyte._schedules import Cron, FixedRate, OnArtifact
from flyte_schemas.names import is_name

if TYPE_CHECKING:
    from flyte._runtime.interface import NativeInterface
    from flyte_schemas.trigger import Trigger as WireTrigger

if TYPE_CHECKING:
    from flyte_schemas.notify import Notification


class _Moment:
    """A value that is known when a trigger fires."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"flyte.{self._name}"


TriggerTime: Final[Any] = _Moment("TriggerTime")
"""As an input of a trigger: the time that it fires at."""

TriggeredArtifact: Final[Any] = _Moment("TriggeredArtifact")
"""As an input of a trigger: the artifact that arrived."""


_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class TriggerOptions(TypedDict, total=False):
    """What the shortcuts (`Trigger.daily` and its like) take beside name and description."""

    auto_activate: bool
    inputs: Mapping[str, Any] | None
    env_vars: Mapping[str, str] | None
    interruptible: bool | None
    overwrite_cache: bool
    queue: str | None
    max_action_concurrency: int | None
    labels: Mapping[str, str] | None
    annotations: Mapping[str, str] | None
    notifications: Any
    custom_context: Mapping[str, str] | None


@dataclass(frozen=True)
class Trigger:
    """Starts the task that it is given to (`@env.task(triggers=…)`) as its `automation` says.

    What is not given is the task's. Raises TypeError and ValueError.
    """

    name: str
    automation: Cron | FixedRate | OnArtifact
    description: str = ""
    auto_activate: bool = True
    inputs: Mapping[str, Any] | None = None
    env_vars: Mapping[str, str] | None = None
    interruptible: bool | None = None
    overwrite_cache: bool = False
    queue: str | None = None
    max_action_concurrency: int | None = None
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    notifications: Any = None
    custom_context: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"a trigger's name is a string, not {self.name!r}")
        if not is_name(self.name):
            raise ValueError(
                f"a trigger's name has no spaces, dots or wildcards and is not empty: {self.name!r}"
            )
        if not isinstance(self.automation, Cron | FixedRate | OnArtifact):
            raise TypeError(
                f"automation must be a Cron, a FixedRate or an OnArtifact, not {self.automation!r}"
            )
        if self.inputs is not None and not isinstance(self.inputs, Mapping):
            raise TypeError(f"a trigger's inputs are a dict by input name, not {self.inputs!r}")
        for option in ("env_vars", "labels", "annotations", "custom_context"):
            _check_strings(option, getattr(self, option))
        checked_notifications(self.notifications)
        if self.max_action_concurrency is not None and self.max_action_concurrency < 2:
            raise ValueError(
                "max_action_concurrency must be at least 2: with 1 a task could not wait for another"
            )

    @classmethod
    def minutely(
        cls,
        trigger_time_input_key: str | None = None,
        *,
        name: str = "minutely",
        description: str = "A trigger that runs every minute",
        **options: Unpack[TriggerOptions],
    ) -> "Trigger":
        """Each minute (UTC); the input `trigger_time_input_key` receives the time."""
        return cls._by_clock("* * * * *", trigger_time_input_key, name, description, options)

    @classmethod
    def hourly(
        cls,
        trigger_time_input_key: str | None = None,
        *,
        name: str = "hourly",
        description: str = "A trigger that runs every hour",
        **options: Unpack[TriggerOptions],
    ) -> "Trigger":
        """Each hour (UTC); the input `trigger_time_input_key` receives the time."""
        return cls._by_clock("0 * * * *", trigger_time_input_key, name, description, options)

    @classmethod
    def daily(
        cls,
        trigger_time_input_key: str | None = None,
        *,
        name: str = "daily",
        description: str = "A trigger that runs daily at midnight",
        **options: Unpack[TriggerOptions],
    ) -> "Trigger":
        """Each day, at midnight (UTC); the input `trigger_time_input_key` receives the time."""
        return cls._by_clock("0 0 * * *", trigger_time_input_key, name, description, options)

    @classmethod
    def weekly(
        cls,
        trigger_time_input_key: str | None = None,
        *,
        name: str = "weekly",
        description: str = "A trigger that runs weekly on Sundays at midnight",
        **options: Unpack[TriggerOptions],
    ) -> "Trigger":
        """Each week, on Sunday at midnight (UTC); the input `trigger_time_input_key` receives the time."""
        return cls._by_clock("0 0 * * 0", trigger_time_input_key, name, description, options)

    @classmethod
    def monthly(
        cls,
        trigger_time_input_key: str | None = None,
        *,
        name: str = "monthly",
        description: str = "A trigger that runs monthly on the 1st at midnight",
        **options: Unpack[TriggerOptions],
    ) -> "Trigger":
        """Each month, on the 1st at midnight (UTC); the input `trigger_time_input_key` receives the time."""
        return cls._by_clock("0 0 1 * *", trigger_time_input_key, name, description, options)

    @classmethod
    def _by_clock(
        cls, expression: str, time_input: str | None, name: str, description: str, options: TriggerOptions
    ) -> "Trigger":
        given = dict(options.get("inputs") or {})
        if time_input:
            given[time_input] = TriggerTime
        options["inputs"] = given or None
        return cls(name, Cron(expression), description, **options)

    def check_inputs(self, task: str, names: list[str]) -> None:
        """Raises ValueError for an input that the task does not have."""
        for name in self.inputs or {}:
            if name not in names:
                raise ValueError(
                    f"trigger {self.name!r} gives {name!r}, no input of {task}{did_you_mean(name, names)}"
                )

    def to_wire(self, interface: "NativeInterface") -> "WireTrigger":
        """The same as a word on the wire. Raises TypeError for an input of a wrong type, ValueError for one
        that is missing."""
        from flyte_schemas.trigger import Trigger as WireTrigger

        given = dict(self.inputs or {})
        missing = [name for name, item in interface.inputs.items() if item.required and name not in given]
        if missing:
            raise ValueError(f"trigger {self.name!r} of {interface.task} gives no {', '.join(missing)}")
        plain = {name: value for name, value in given.items() if not isinstance(value, _Moment)}
        times = tuple(name for name, value in given.items() if value is TriggerTime)
        for name in times:
            to_json(interface.inputs[name], _SOME_TIME)  # raises where the input takes no time
        return WireTrigger(
            name=self.name,
            automation=self.automation.to_wire(),
            description=self.description,
            is_active=self.auto_activate,
            inputs={name: to_json(interface.inputs[name], value) for name, value in plain.items()},
            time_inputs=times,
            artifact_inputs=tuple(name for name, value in given.items() if value is TriggeredArtifact),
            env_vars=None if self.env_vars is None else dict(self.env_vars),
            interruptible=self.interruptible,
            overwrite_cache=self.overwrite_cache,
            queue=self.queue,
            max_action_concurrency=self.max_action_concurrency,
            labels=dict(self.labels or {}),
            annotations=dict(self.annotations or {}),
            notifications=checked_notifications(self.notifications),
            custom_context=dict(self.custom_context or {}),
        )


def triggers_of(value: object, task: str, names: list[str]) -> tuple[Trigger, ...]:
    """What `triggers=` takes: one or several, fit for a task with these inputs.

    Raises TypeError, ValueError for an input that the task does not have or two of one name.
    """
    triggers = (value,) if isinstance(value, Trigger) else tuple(value)  # type: ignore[arg-type]
    for trigger in triggers:
        if not isinstance(trigger, Trigger):
            raise TypeError(f"triggers must be Triggers, not {trigger!r}")
        trigger.check_inputs(task, names)
    if len({trigger.name for trigger in triggers}) < len(triggers):
        raise ValueError(f"two triggers of {task} have one name")
    return triggers


def checked_notifications(given: object) -> "tuple[Notification, ...]":
    """What `notifications=` takes, as words on the wire. Raises TypeError.

    The module that knows them is loaded only where there are some.
    """
    if given is None:
        return ()
    from flyte.notify import notifications_of

    return notifications_of(given)


def _check_strings(option: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, Mapping) or not all(
        isinstance(item, str) for pair in value.items() for item in pair
    ):
        raise TypeError(f"a trigger's {option} are a dict of strings, not {value!r}")
