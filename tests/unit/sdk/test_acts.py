"""Who did what, out of a log in memory: with what became of it, also when the requests are forgotten."""

from datetime import datetime, timedelta

import pytest

from flyte._client.acts import Act, chosen, read_acts
from flyte_bus.errors import NotAllowed
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.service import reject
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    AbortAction,
    ActionAborted,
    ActionRequested,
    ConditionSignalled,
    DeployTask,
    EventData,
    RunSettings,
    SignalCondition,
    StartRun,
    TaskDeployed,
    TaskDeployRejected,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.imported import RunImported
from flyte_schemas.streams import REQUESTS
from flyte_schemas.subjects import (
    RunKey,
    abort_request,
    action_subject,
    deploy_request,
    run_request,
    signal_request,
    task_subject,
    trigger_request,
    triggers_subject,
)
from flyte_schemas.task import TaskReference
from flyte_schemas.trigger_events import DeleteTrigger, SwitchTrigger, TriggerRefused, TriggerSwitched
from testkit.events import MORNING
from testkit.tasks import template

RUN = RunKey("p", "d", "r")
TASK = TaskReference(name="my_env.my_task", version="v1")
SETTINGS = RunSettings(on_behalf_of="bob", trigger="my_env.my_task/t")


class Story:
    """A log in the making, a minute an event."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus = bus
        self.now = MORNING

    async def say(self, subject: str, data: EventData, id: str, cause: str | None = None) -> int:
        self.now += timedelta(minutes=1)
        event = Event(id=id, source="/test", subject=subject, time=self.now, data=data, cause=cause)
        return await self.bus.log.append(event)

    async def refuse(self, sequence: int, reason: str) -> None:
        async for entry in self.bus.log.read(REQUESTS, "flyte.req.>", after=sequence - 1):
            await reject(self.bus, entry, reason, by="executor", now=self.now)
            return

    async def told(self, since: datetime | None = None) -> list[tuple[str, str, str, str, str]]:
        acts = await read_acts(self.bus, since=since)
        return [(act.user, act.verb, act.name, act.outcome, act.why) for act in acts]


@pytest.fixture
async def story() -> Story:
    bus = MemoryBus(MemoryServer())
    await bus.provision()
    return Story(bus)


async def test_each_request_has_its_user_and_what_became_of_it(story: Story) -> None:
    root, subject = action_subject(RUN.action("a0")), task_subject("p", "d", TASK.name)
    task = template()
    await story.say(deploy_request("p", "d", "my_env", "alice"), DeployTask(version="v1", template=task), "d")
    deployed = TaskDeployed(version="v1", digest=task.digest(), template=task, requested_by="alice")
    await story.say(subject, deployed, "d1", "d")
    await story.say(run_request(RUN, "alice@example.com"), StartRun(task=TASK), "s")
    await story.say(root, ActionRequested(task=TASK, requested_by="alice@example.com"), "r1", "s")
    await story.say(signal_request(RUN, "bob"), SignalCondition(condition="ok", value=True), "g")
    answered = ConditionSignalled(value=True, signalled_by="bob")
    await story.say(action_subject(RUN.action("ok")), answered, "g1", "g")
    await story.say(abort_request(RUN, "bob"), AbortAction(action="a0", reason="enough"), "b")
    await story.say(root, ActionAborted(reason="enough", requested_by="bob"), "b1", "b")
    await story.say(action_subject(RUN.action("c")), ActionAborted(reason="its parent ended"), "b2")
    late = await story.say(abort_request(RUN, "mallory"), AbortAction(action="c", requested_by="bob"), "m")
    await story.refuse(late, "the request says that 'bob' asks, and 'mallory' has sent it")
    await story.say(run_request(RunKey("p", "d", "new"), "carol"), StartRun(task=TASK), "n")
    assert await story.told() == [
        ("alice", "deploy", "my_env.my_task:v1", "accepted", ""),
        ("alice@example.com", "run", "r", "accepted", ""),
        ("bob", "signal", "r/ok", "accepted", "True"),
        ("bob", "abort", "r", "accepted", "enough"),
        ("mallory", "abort", "r/c", "refused", "the request says that 'bob' asks, and 'mallory' has sent it"),
        ("carol", "run", "new", "open", ""),
    ]
    acts = await read_acts(story.bus, project="p", domain="other")
    assert acts == []


async def test_triggers_are_changed_by_somebody_and_fire_for_somebody(story: Story) -> None:
    asked, told = trigger_request("p", "d", "my_env", "bob"), triggers_subject("p", "d", TASK.name)
    await story.say(asked, SwitchTrigger(task=TASK.name, name="t", is_active=True), "t1")
    await story.say(told, TriggerSwitched(name="t", is_active=True, requested_by="bob"), "t2", "t1")
    await story.say(asked, DeleteTrigger(task=TASK.name, name="u"), "t3")
    await story.say(told, TriggerRefused(reason="there is no trigger 'u'"), "t4", "t3")
    await story.say(run_request(RUN, "scheduler"), StartRun(task=TASK, settings=SETTINGS), "s")
    acts = await read_acts(story.bus)
    assert [(act.user, act.name, act.outcome, act.why) for act in acts] == [
        ("bob", "my_env.my_task/t", "accepted", ""),
        ("bob", "my_env.my_task/u", "refused", "there is no trigger 'u'"),
        ("scheduler", "r", "open", ""),
    ]
    assert (acts[2].on_behalf_of, acts[2].trigger) == ("bob", "my_env.my_task/t")
    assert chosen(acts, user="bob", verb=None) == acts, "what a service did for bob is his"
    assert chosen(acts, user="scheduler", verb="run") == acts[2:]
    assert chosen(acts, user=None, verb="abort") == []


async def test_what_was_accepted_is_known_when_the_requests_are_forgotten(story: Story) -> None:
    root, subject = action_subject(RUN.action("a0")), task_subject("p", "d", TASK.name)
    failure = Failure(code="VersionConflict", kind=FailureKind.USER, message="other content")
    refused = TaskDeployRejected(version="v1", digest="0f" * 32, failure=failure, requested_by="alice")
    await story.say(subject, refused, "d1", "forgotten 1")
    begun = ActionRequested(task=TASK, requested_by="scheduler", settings=SETTINGS)
    await story.say(root, begun, "r1", "forgotten 2")
    await story.say(root, ActionAborted(reason="enough", requested_by="carol"), "b1", "forgotten 3")
    imported = RunImported(origin="a/b/c", digest="0f" * 32, exported_at=MORNING, imported_by="dora")
    await story.say(action_subject(RunKey("p", "d", "i").action("a0")), imported, "i1")
    acts = await read_acts(story.bus)
    assert [(act.user, act.on_behalf_of, act.verb, act.outcome, act.why) for act in acts] == [
        ("alice", "", "deploy", "refused", "other content"),
        ("scheduler", "bob", "run", "accepted", ""),
        ("carol", "", "abort", "accepted", "enough"),
        ("dora", "", "import", "accepted", "it happened as a/b/c"),
    ]
    assert acts[0].to_dict()["request"] == "forgotten 1"
    assert await story.told(since=acts[2].time) == [
        ("carol", "abort", "r", "accepted", "enough"),
        ("dora", "import", "i", "accepted", "it happened as a/b/c"),
    ]


async def test_who_may_not_see_what_was_set_aside_sees_the_rest(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = await story.say(run_request(RUN, "alice"), StartRun(task=TASK), "s")
    await story.refuse(late, "because")
    read = story.bus.log.read

    def guarded(stream: object, subject: str, *, after: int = 0) -> object:
        if subject == "flyte.rejected":
            raise NotAllowed("only the operator may")
        return read(stream, subject, after=after)  # type: ignore[arg-type]

    monkeypatch.setattr(story.bus.log, "read", guarded)
    acts: list[Act] = await read_acts(story.bus)
    assert [act.outcome for act in acts] == ["open"]
