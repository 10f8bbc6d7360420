"""The modules beside `flyte` itself as a user's type checker sees them; checked by mypy, never run."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, assert_type

import flyte
from flyte import notify, report, storage
from flyte.git import GitStatus, config_from_root
from flyte.models import ActionID, GroupData, NativeInterface, RawDataPath, TaskContext
from flyte.remote import (
    Action,
    ActionDetails,
    ActionInputs,
    ActionOutputs,
    PhaseTransitionInfo,
    Project,
    Run,
    RunDetails,
    StreamEvent,
    Task,
    TaskDetails,
    TimeFilter,
    User,
    events,
    upload_dir,
    upload_file,
)
from flyte.syncify import syncify
from flyte_schemas.events import ActionFailed

FAILED = flyte.ActionPhase.FAILED

env = flyte.TaskEnvironment("modules")
told: list[notify.Notification | notify.NamedRule] = [
    notify.Email(on_phase=FAILED, recipients=["a@example.com"], cc="b@example.com", subject="s"),
    notify.Slack(on_phase=(FAILED, "aborted"), webhook_url="https://x", blocks=[{"type": "divider"}]),
    notify.Teams(on_phase="failed", webhook_url="https://x", title="t", card={"a": 1}),
    notify.Webhook(on_phase=[FAILED], url="https://x", method="PUT", headers={"a": "b"}, body={"x": 1}),
    notify.NamedDelivery(on_phase=FAILED, name="on-call"),
    notify.NamedRule("rule"),
]
notify.Email(recipients=["a@example.com"])  # type: ignore[call-arg]


@env.task(report=True, triggers=flyte.Trigger("t", flyte.Cron("@daily"), notifications=told))
async def reporting() -> str:
    report.log("<p>a</p>", do_flush=True)
    await report.replace.aio("<p>b</p>")
    await report.flush.aio()
    tab: report.Tab = report.get_tab("Charts")
    tab.log("<svg></svg>")
    timeline = report.Timeline("Steps")
    timeline.heading("Steps")
    timeline.row(icon="x", label="l", meta="m", detail="d", error=None)
    assert_type(report.current_report().has_content(), bool)
    assert_type(report.abbreviate([1], limit=3), str)
    assert_type(report.duration_ms("2024-01-01", "2024-01-02"), float)
    return report.current_report().get_final_report()


@syncify
async def add(a: int, b: int = 1) -> int:
    return a + b


@syncify
async def count(n: int) -> AsyncIterator[int]:
    yield n


def of_blocking_code() -> None:
    assert_type(add(1, b=2), int)
    assert_type(list(count(3)), list[int])
    add("a")  # type: ignore[arg-type]


async def of_coroutines() -> None:
    assert_type(await add.aio(1), int)
    assert_type([number async for number in count.aio(3)], list[int])
    await flyte.init.aio(project="p")
    await flyte.init_from_config.aio("config.yaml", log_level="DEBUG")
    assert_type(await flyte.with_runcontext(notifications=told).rerun.aio("r1", x=1), Run)


def of_git_and_configuration() -> None:
    flyte.init_from_config(config_from_root())
    status = GitStatus.from_current_repo()
    assert_type((status.is_valid, status.remote_url, status.repo_dir), tuple[bool, str, Path])
    assert_type(status.build_url("a.py", 3), str)
    flyte.init_from_api_key("key", log_level="INFO")
    flyte.init_in_cluster(endpoint="nats://h:1")
    flyte.init_passthrough(endpoint="nats://h:1")
    flyte.init(projct="p")  # type: ignore[call-arg]
    config = flyte.config.Config(task=flyte.config.TaskConfig("o", "p", "d"))
    assert_type(config.with_params(image=flyte.config.ImageConfig("local")), flyte.config.Config)


async def of_storage() -> None:
    assert_type(await storage.get("a", Path("b"), recursive=True), str)
    assert_type(await storage.put("a", "b"), str)
    assert_type(await storage.exists("a"), bool)
    assert_type(storage.exists_sync("a"), bool)
    assert_type([chunk async for chunk in storage.get_stream("a", chunk_size=3)], list[bytes])
    assert_type(await storage.put_stream([b"a"], name="x"), str)
    assert_type(storage.join("a", "b"), str)
    assert_type(storage.is_remote("s3://b"), bool)
    assert_type(storage.get_configured_fsspec_kwargs("s3", anonymous=True), dict[str, Any])
    assert_type(storage.get_underlying_filesystem(path="s3://b"), Any)
    assert_type(storage.get_random_local_path("x"), Path)
    assert_type(storage.get_random_local_directory(), Path)
    async with await storage.open("a", "wb") as file:
        await file.write(b"x")
    kinds: list[storage.Storage] = [storage.S3.auto(region="eu"), storage.S3.for_sandbox(), storage.GCS()]
    kinds.append(storage.ABFS(account_name="a", retries=1, backoff=datetime.timedelta(seconds=1)))


def of_runs() -> None:
    run = Run.get("r1")
    assert_type(run.details(), RunDetails)
    assert_type(run.details().action_details, ActionDetails)
    assert_type(int(run.raw_phase), int)
    assert_type(run.inputs(), ActionInputs)
    assert_type(run.outputs(), ActionOutputs)
    assert_type(run.outputs().named_outputs, dict[str, Any])
    assert_type(run.typed_outputs({"o0": int}), ActionOutputs)
    assert_type(run.typed_inputs([int], {int: int}), ActionInputs)
    assert_type(run.output_literals(), dict[str, Any])
    assert_type(run.input_literals(), dict[str, Any])
    assert_type(run.get_report(attempt=1), str)
    assert_type(run.to_json(), str)
    run.wait(quiet=True, wait_for="running")
    run.show_logs(attempt=1, max_lines=3, show_ts=True)
    run.sync()
    times = TimeFilter(after=datetime.datetime.now())
    for one in Run.listall("failed", with_labels={"a": "b"}, updated_at=times, sort_by=("updated_at", "asc")):
        assert_type(one, Run)


def of_actions() -> None:
    details = ActionDetails.get(run_name="r1", name="a0")
    assert_type(details.get_phase_transitions(1), list[PhaseTransitionInfo])
    assert_type(details.phase_durations, dict[flyte.ActionPhase, datetime.timedelta])
    assert_type(details.running_time, datetime.timedelta | None)
    assert_type(details.action_id, ActionID)
    assert_type(ActionDetails.get_details(details.action_id), ActionDetails)
    assert_type(RunDetails.get(name="r1").name, str)
    assert_type(RunDetails.get_details(details.action_id), RunDetails)
    assert_type(details.error_info.code if details.error_info else None, str | None)
    assert_type(details.abort_info.by if details.abort_info else None, str | None)
    for picture in ActionDetails.watch(details.action_id):
        assert_type(picture, ActionDetails)
    for update in details.watch_updates():
        assert_type(update, ActionDetails)
    for action in Action.listall("r1", in_phase=[FAILED], parent_name="a0"):
        assert_type(action.details(), ActionDetails)
    assert_type(Action.get(run_name="r1", name="a0"), Action)


def of_tasks_and_projects() -> None:
    details = Task.get("e.t", version="v").fetch()
    assert_type(details, TaskDetails)
    assert_type(TaskDetails.fetch("e.t", auto_version="latest"), TaskDetails)
    assert_type(details.cache, flyte.Cache)
    assert_type((details.required_args, details.queue), tuple[tuple[str, ...], str | None])
    assert_type([task.entrypoint for task in Task.listall(by_task_env="e", entrypoint=True)], list[bool])
    assert_type(Project.create("p", "P", labels={"a": "b"}).archive(), Project)
    assert_type([project.id for project in Project.listall(archived=True)], list[str])
    assert_type(User.get().subject(), str)
    assert_type(upload_file("a.txt"), tuple[str, str])
    assert_type(upload_dir(Path("folder"), prefix="x"), str)


async def of_events() -> None:
    for event in events(project="p", types=["action.failed", ActionFailed], phases=FAILED, follow=False):
        assert_type(event, StreamEvent)
        assert_type((event.sequence, event.cursor, event.id, event.type), tuple[int, str, str, str])
        assert_type(
            (event.run, event.action, event.phase), tuple[str | None, str | None, flyte.ActionPhase | None]
        )
        if isinstance(event.data, ActionFailed):
            assert_type(event.data.failure.message, str)
    async for event in events(run="r", since=datetime.timedelta(minutes=10)):
        assert_type(event, StreamEvent)
    assert_type(await anext(events.aio(after="r1.t0")), StreamEvent)
    events(after=1.5)  # type: ignore[arg-type]


def of_contexts(context: TaskContext, interface: NativeInterface) -> None:
    assert_type(context.action.new_sub_action("x"), ActionID)
    assert_type(context.group_data, GroupData | None)
    assert_type(context.raw_data_path, RawDataPath | None)
    assert_type(context.run_start_time, datetime.datetime | None)
    assert_type(interface.required_inputs(), list[str])
    assert_type(flyte.models.MAX_INLINE_IO_BYTES, int)
    assert_type(flyte.models.generate_random_name(), str)
    asyncio.new_event_loop().set_exception_handler(flyte.errors.silence_polling_error)


class Fixed:
    def get_version(self, salt: str, params: object) -> str:
        return salt


class Board:
    name = "board"

    def get_link(
        self,
        run_name: str,
        project: str,
        domain: str,
        context: dict[str, str],
        parent_action_name: str,
        action_name: str,
        pod_name: str,
        **kwargs: Any,
    ) -> str:
        return run_name


def of_what_is_declared() -> None:
    policy: flyte.CachePolicy = Fixed()
    link: flyte.Link = Board()
    cached = flyte.TaskEnvironment("cached", cache=flyte.Cache("auto", policies=[policy]))

    @cached.task(links=[link])
    def linked(at: datetime.datetime, table: Any) -> None: ...

    template: flyte.AsyncFunctionTaskTemplate[..., None] = linked
    assert_type(template.name, str)
    assert_type(flyte.current_project(), str)
    device: flyte.Device = flyte.HABANA_GAUDI("Gaudi1")
    kind: flyte.DeviceClass = device.device_class
    assert kind
    arrived = {"at": flyte.TriggerTime, "table": flyte.TriggeredArtifact}
    flyte.Trigger("arrival", flyte.OnArtifact("table"), inputs=arrived)
    hashed = flyte.io.HashFunction.from_fn(lambda data: str(len(data)))
    assert_type(flyte.io.File.from_local_sync("a", hash_method=hashed).hash, str | None)
    nothing: flyte.io.Dir[Any] = flyte.io.EmptyDir()
    assert_type(nothing.is_empty, bool)
    page: report.Report = report.current_report()
    assert_type(page.get_final_report(), str)


def of_configuration_in_full() -> None:
    platform = flyte.config.PlatformConfig(endpoint="h:1")
    config = flyte.config.Config(platform, local=flyte.config.LocalConfig(persistence=True))
    assert_type(config.local.persistence, bool)
    assert_type(flyte.config.auto("config.yaml"), flyte.config.Config)
    assert_type(flyte.config.get_config_file(None), Path | None)
    assert_type(flyte.config.set_if_exists({}, "a", 1), dict[str, Any])


def of_secrets() -> None:
    flyte.remote.Secret.create("key", b"value", "image_pull", group="team", scope="global")
    assert_type(flyte.remote.Secret.get("key").name, str)
    assert_type([one.type for one in flyte.remote.Secret.listall(limit=3)], list[flyte.remote.SecretTypes])
    flyte.remote.Secret.delete("key", scope="domain")
    flyte.remote.Secret.create("key", "value", "pull")  # type: ignore[arg-type]


async def of_triggers() -> None:
    wanted = flyte.Trigger("nightly", flyte.Cron("0 3 * * *"))
    made = flyte.remote.Trigger.create(wanted, "env.main", "v1")
    assert_type(made, flyte.remote.Trigger)
    assert_type(made.next_time, datetime.datetime | None)
    found = await flyte.remote.Trigger.get.aio(name="nightly", task_name="env.main")
    assert_type((found.id, found.name, found.task_name, found.is_active), tuple[str, str, str, bool])
    assert_type([one.description for one in flyte.remote.Trigger.listall("env.main")], list[str])
    flyte.remote.Trigger.update("nightly", "env.main", active=False)
    await flyte.remote.Trigger.delete.aio("nightly", "env.main", project="p", domain="d")


async def of_people() -> None:
    (first, *_) = flyte.remote.Condition.listall("r1", limit=10)
    assert_type(first, flyte.remote.Condition)
    found = await flyte.remote.Condition.get.aio("c", "r1", action_name="a0")
    found.signal(True)
    await found.signal.aio(1.5)
    assert_type(found.phase, flyte.ActionPhase)
    assert_type((found.name, found.action_name, found.run_name), tuple[str, str, str])
    assert found.expected_type == "float"
