"""One full example of every word about triggers and notifications."""

from flyte_schemas.envelope import AnyEvent
from flyte_schemas.notices import NotificationFailed
from flyte_schemas.seals import RunSealed
from flyte_schemas.subjects import ActionKey, notice_subject, seal_subject, trigger_request, triggers_subject
from flyte_schemas.trigger import CronSchedule, RateSchedule, Trigger
from flyte_schemas.trigger_events import (
    CreateTrigger,
    DeleteTrigger,
    DeployTriggers,
    SwitchTrigger,
    TriggerCreated,
    TriggerDeleted,
    TriggerRefused,
    TriggersDeployed,
    TriggerSwitched,
)
from testkit.events import MORNING, RUN, event

TASK = "my_env.my_task"
NIGHTLY = Trigger(
    name="nightly",
    automation=CronSchedule(expression="0 3 * * *", timezone="Europe/Berlin"),
    description="At night.",
    inputs={"name": "World"},
    time_inputs=("at",),
    max_action_concurrency=4,
    custom_context={"a": "b"},
)
OFTEN = Trigger(
    name="often", automation=RateSchedule(interval_minutes=5, start_time=MORNING), is_active=False
)

_ASKED = trigger_request("flytesnacks", "development", "my_env", "alice")
_SAID = triggers_subject("flytesnacks", "development", TASK)

_SEAL = RunSealed(
    through=42,
    count=3,
    head="0f" * 32,
    marks=("7 a0 00112233445566ff", "9 a0 0123456789abcdef", "42 c1 fedcba9876543210"),
    key="UAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAPT7",
    signature="ab" * 64,
)

FURTHER_EXAMPLES: tuple[AnyEvent, ...] = (
    event(_ASKED, DeployTriggers(task=TASK, version="v1", requested_by="alice"), id="t1"),
    event(_ASKED, CreateTrigger(task=TASK, version="v1", trigger=OFTEN, requested_by="alice"), id="t2"),
    event(_ASKED, SwitchTrigger(task=TASK, name="often", is_active=True, requested_by="alice"), id="t3"),
    event(_ASKED, DeleteTrigger(task=TASK, name="often", requested_by="alice"), id="t4"),
    event(
        _SAID,
        TriggersDeployed(version="v1", triggers=(NIGHTLY,), request_sequence=7, requested_by="alice"),
        id="trigger.1",
    ),
    event(
        _SAID,
        TriggerCreated(trigger=OFTEN, version="v1", is_pinned=True, requested_by="alice"),
        id="trigger.2",
    ),
    event(_SAID, TriggerSwitched(name="often", is_active=True, requested_by="alice"), id="trigger.3"),
    event(_SAID, TriggerDeleted(name="often", requested_by="alice"), id="trigger.4"),
    event(_SAID, TriggerRefused(reason="task my_env.my_task has no trigger 'often'"), id="trigger.5"),
    event(
        notice_subject(ActionKey(RUN, "a0")),
        NotificationFailed(
            target="rule:on-call", event_id="run.a0.1", sequence=42, tries=10, error="HTTP 500"
        ),
        id="notice.1",
    ),
    event(seal_subject(RUN), _SEAL, id="seal.1"),
)
