"""Notifications: checked where they are declared, recorded with triggers and runs, shown with the task."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

import flyte
from flyte import notify
from flyte._template import template_of
from flyte_schemas.task import Source

FAILED = flyte.ActionPhase.FAILED
HOOK = "https://hooks.example.com/x"


def test_each_kind_says_on_the_wire_what_was_said_of_it() -> None:
    said = [
        notify.Email(on_phase=FAILED, recipients="a@example.com", cc=["b@example.com"], subject="Oh"),
        notify.Slack(on_phase=["FAILED", "timed_out"], webhook_url=HOOK, blocks=[{"type": "divider"}]),
        notify.Teams(on_phase=FAILED, webhook_url=HOOK, title="Oh", card={"a": 1}),
        notify.Webhook(on_phase=(FAILED,), url=HOOK, method="put", headers={"a": "b"}, body={"x": [1]}),
        notify.NamedDelivery(on_phase=FAILED, name="on-call"),
        notify.NamedRule("default"),
    ]
    wire = notify.notifications_of(said)
    assert [one.kind for one in wire] == [
        *("email", "slack", "teams", "webhook", "named-delivery", "named-rule")
    ]
    assert wire[0].settings == {"recipients": ("a@example.com",), "cc": ("b@example.com",), "subject": "Oh"}
    assert [phase.name for phase in wire[1].phases] == ["FAILED", "TIMED_OUT"]
    assert wire[3].settings == {"url": HOOK, "method": "PUT", "headers": {"a": "b"}, "body": {"x": [1]}}
    assert (wire[5].phases, wire[5].settings) == ((), {"name": "default"})


@pytest.mark.parametrize(
    ("declare", "kind", "says"),
    [
        (lambda: notify.Email(on_phase=FAILED, recipients=[]), ValueError, "needs recipients"),
        (lambda: notify.Email(on_phase=FAILED, recipients=["a"]), ValueError, "'a' is no mail address"),
        (lambda: notify.Email(on_phase=FAILED, recipients=["ä@b"]), ValueError, "no mail address"),
        (lambda: notify.Email(on_phase=FAILED, recipients=["A <a@b>"]), ValueError, "name@example.com"),
        (lambda: notify.Email(on_phase=FAILED, recipients=["a@" + "b" * 300]), ValueError, "no mail address"),
        (lambda: notify.Email(on_phase=FAILED, recipients=["a@b"], cc=["a@b"] * 100), ValueError, "not 101"),
        (lambda: notify.Email(on_phase=FAILED, recipients=3), TypeError, "are addresses"),
        (lambda: notify.Email(on_phase="running", recipients=["a@b"]), ValueError, "SUCCEEDED, FAILED"),
        (lambda: notify.Email(on_phase=(), recipients=["a@b"]), ValueError, "name at least one phase"),
        (lambda: notify.NamedDelivery(on_phase=3, name="x"), TypeError, "an ActionPhase or several"),
        (lambda: notify.NamedDelivery(on_phase=FAILED, name=" "), ValueError, "needs the name"),
        (lambda: notify.NamedRule(""), ValueError, "needs the name"),
        (lambda: notify.Slack(on_phase=FAILED, webhook_url="hooks"), ValueError, r"an http\(s\) URL"),
        (lambda: notify.Slack(on_phase=FAILED, webhook_url=HOOK, message=1), TypeError, "is a string"),
        (lambda: notify.Teams(on_phase=FAILED, webhook_url=HOOK, card=[1]), TypeError, "JSON data"),
        (lambda: notify.Webhook(on_phase=FAILED, url=HOOK, method="x"), ValueError, "one of GET, POST"),
        (lambda: notify.Webhook(on_phase=FAILED, url=HOOK, headers={"a": 1}), TypeError, "dict of strings"),
        (lambda: notify.Webhook(on_phase=FAILED, url=HOOK, body=object()), TypeError, "JSON data"),
    ],
)
def test_what_nobody_could_send_is_refused(
    declare: Callable[[], Any], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        declare()


def test_a_trigger_and_a_run_take_one_or_several_and_nothing_else() -> None:
    rule = notify.NamedRule("default")
    flyte.Trigger("t", flyte.Cron("@daily"), notifications=rule)
    assert flyte.with_runcontext(notifications=[rule])._options.settings.notifications == (rule.to_wire(),)
    assert flyte.with_runcontext()._options.settings.notifications == ()
    with pytest.raises(TypeError, match=r"flyte\.notify\.Email, Slack and the like, not 'mail'"):
        flyte.Trigger("t", flyte.Cron("@daily"), notifications=["mail"])
    with pytest.raises(TypeError, match="not 'mail'"):
        flyte.with_runcontext(notifications="mail")


def test_a_run_tells_fifty_at_most() -> None:
    rule = notify.NamedRule("default")
    assert len(notify.notifications_of([rule] * 50)) == 50
    with pytest.raises(ValueError, match="a run tells at most 50: these are 51"):
        flyte.with_runcontext(notifications=[rule] * 51)


def test_a_triggers_notifications_are_in_the_template() -> None:
    env = flyte.TaskEnvironment("env")
    told = notify.Email(on_phase=FAILED, recipients=["a@example.com"])

    @env.task(triggers=flyte.Trigger.daily("at", notifications=told))
    def report(at: datetime.datetime) -> None: ...

    template = template_of(report, Source(module="m", function="report", file="m.py"))
    assert template.triggers[0].notifications == (told.to_wire(),)
