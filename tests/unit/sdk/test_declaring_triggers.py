"""Triggers: schedules that can be, and inputs that the task has."""

import datetime
from typing import Any

import pytest

import flyte
from flyte_schemas.trigger import ArtifactArrival, CronSchedule, RateSchedule


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "0 0 1 * *",
        "*/5 9-17 * * MON-FRI",
        "0,30 8 1,15 jan-jun 0",
        "5/15 * ? * 7",
        "0 22 * * FRI-SUN",
        "@daily",
        "@every 1h30m",
    ],
)
def test_expressions_that_cron_knows(expression: str) -> None:
    assert flyte.Cron(expression).expression == expression


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "a * * * *",
        "1,,2 * * * *",
        "@fortnightly",
    ],
)
def test_expressions_that_are_none(expression: str) -> None:
    with pytest.raises(ValueError, match="cron expression"):
        flyte.Cron(expression)


def test_a_time_zone_has_to_exist() -> None:
    assert flyte.Cron("@daily", "Europe/Berlin").timezone_expression == "CRON_TZ=Europe/Berlin @daily"
    with pytest.raises(ValueError, match="Middle/Earth"):
        flyte.Cron("@daily", timezone="Middle/Earth")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: flyte.Cron(5), TypeError),  # type: ignore[arg-type]
        (lambda: flyte.FixedRate(-1), ValueError),
        (lambda: flyte.FixedRate(1.5), TypeError),  # type: ignore[arg-type]
        (lambda: flyte.OnArtifact(""), TypeError),
        (lambda: flyte.Trigger("a b", flyte.Cron("@daily")), ValueError),
        (lambda: flyte.Trigger("a", "@daily"), TypeError),  # type: ignore[arg-type]
        (lambda: flyte.Trigger.daily(max_action_concurrency=1), ValueError),
        (lambda: flyte.Trigger.daily(labels={"a": 1}), TypeError),  # type: ignore[dict-item]
        (lambda: flyte.Trigger.daily(colour="red"), TypeError),  # type: ignore[call-arg]
    ],
)
def test_a_trigger_that_cannot_be_is_refused(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("minutely", "* * * * *"),
        ("hourly", "0 * * * *"),
        ("daily", "0 0 * * *"),
        ("weekly", "0 0 * * 0"),
        ("monthly", "0 0 1 * *"),
    ],
)
def test_the_shortcuts_are_schedules_with_names(name: str, expression: str) -> None:
    trigger = getattr(flyte.Trigger, name)("at", inputs={"x": 1}, queue="quick")
    assert (trigger.name, trigger.automation, trigger.queue) == (name, flyte.Cron(expression), "quick")
    assert trigger.inputs == {"x": 1, "at": flyte.TriggerTime}
    assert trigger.description


def test_a_trigger_travels_with_its_inputs_as_the_task_takes_them() -> None:
    env = flyte.TaskEnvironment(name="env")
    start = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    triggers = [
        flyte.Trigger.daily("at", inputs={"day": datetime.date(2025, 1, 2)}),
        flyte.Trigger(
            "often", flyte.FixedRate(5, start), inputs={"at": start, "day": start.date()}, auto_activate=False
        ),
        flyte.Trigger(
            "arrival",
            flyte.OnArtifact("table"),
            inputs={"table": flyte.TriggeredArtifact, "at": start, "day": start.date()},
        ),
    ]

    @env.task(triggers=triggers)
    def fn(at: datetime.datetime, day: datetime.date, table: str = "t") -> None: ...

    daily, often, arrival = (trigger.to_wire(fn.native_interface) for trigger in fn.triggers)
    assert (daily.time_inputs, daily.inputs) == (("at",), {"day": "2025-01-02"})
    assert isinstance(daily.automation, CronSchedule)
    assert often.automation == RateSchedule(interval_minutes=5, start_time=start)
    assert not often.is_active
    assert arrival.artifact_inputs == ("table",)
    assert arrival.automation == ArtifactArrival(name="table")


def test_a_trigger_gives_all_that_is_required_and_of_the_right_type() -> None:
    env = flyte.TaskEnvironment(name="env")

    def fn(x: int, y: int = 1) -> None: ...

    task = env.task(triggers=flyte.Trigger.daily())(fn)
    with pytest.raises(ValueError, match="gives no x"):
        task.triggers[0].to_wire(task.native_interface)
    task = env.task(triggers=flyte.Trigger.daily(inputs={"x": "1"}))(fn)
    with pytest.raises(TypeError, match="'x'"):
        task.triggers[0].to_wire(task.native_interface)
    with pytest.raises(ValueError, match=r"no input of env\.fn"):
        env.task(triggers=flyte.Trigger.daily(inputs={"x": 1, "z": 1}))(fn)
