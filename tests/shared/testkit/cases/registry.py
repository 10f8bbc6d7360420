"""What the registry does, on any bus: one suite for the bus in memory and for a real nats-server."""

import asyncio
from pathlib import Path

import pytest

from flyte_bus.errors import Refusal
from flyte_bus.ports import Bus
from flyte_bus.service import LoopDied
from flyte_registry.model_file import ReadModelInUse
from flyte_registry.projection import Projection
from flyte_schemas.endpoints import (
    GET_TASK,
    LIST_RUNS,
    LIST_TASKS,
    GetTask,
    ListRuns,
    ListTasks,
    Ping,
    RunList,
    TaskAnswer,
    ping_endpoint,
)
from flyte_schemas.envelope import encode
from flyte_schemas.events import (
    ActionFailed,
    AttemptSucceeded,
    StartRun,
    TaskDeployed,
    TaskDeployRejected,
)
from flyte_schemas.imported import TaskImported
from flyte_schemas.overview import GET_PROJECT, LIST_PROJECTS, DomainSummary, GetProject, ListProjects
from flyte_schemas.phase import ActionPhase
from flyte_schemas.projects import PROJECTS_KEY, ProjectBook, ProjectRecord
from flyte_schemas.streams import RUNS, SETTINGS_BUCKET, TASKS, StreamSpec
from flyte_schemas.subjects import RunKey, action_subject, deploy_request
from flyte_schemas.task import TaskTemplate
from testkit.cases.harness import GUARD_S, take
from testkit.registry import (
    CHILD,
    CRASH,
    STARTED,
    SUBJECT,
    TASK,
    WHERE,
    RegistryHarness,
    answers,
    everything,
    happen,
    registry,
    rejections,
)
from testkit.tasks import deploy, event, template


class DeploymentCases:
    """Deploy requests become versions: inherit it, and give a fixture `harness`."""

    async def test_a_deploy_request_becomes_a_version(self, harness: RegistryHarness, tmp_path: Path) -> None:
        request = deploy(template(), traceparent="00-trace")
        await harness.bus.log.append(request)
        async with registry(harness.bus, tmp_path):
            (deployed,) = await answers(harness.bus, 1)
        assert deployed.data == TaskDeployed(
            version="v1", digest=template().digest(), template=template(), requested_by="alice"
        )
        assert (deployed.cause, deployed.traceparent) == (request.id, "00-trace")

    async def test_the_same_content_again_appends_nothing(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        for version in ("v1", "v1", "v1", "v2"):
            await harness.bus.log.append(deploy(template(), version))
        async with registry(harness.bus, tmp_path):
            said = await answers(harness.bus, 2)
        assert [word.data.version for word in said if isinstance(word.data, TaskDeployed)] == ["v1", "v2"]

    async def test_other_content_under_the_same_version_is_refused(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        other = deploy(template(description="other"))
        await harness.bus.log.append(deploy(template()))
        await harness.bus.log.append(other)
        async with registry(harness.bus, tmp_path):
            _, refused = await answers(harness.bus, 2)
            answer = await harness.bus.ask(GET_TASK, GetTask(**WHERE, name="my_env.my_task", version="v1"))
        assert isinstance(refused.data, TaskDeployRejected)
        assert refused.data.failure.code == "VersionConflict"
        assert refused.cause == other.id
        assert answer.task is not None and answer.task.template == template()

    async def test_a_request_that_is_delivered_twice_is_answered_once(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        accepted, refused = deploy(template()), deploy(template(description="other"))
        for request in (accepted, accepted, refused, refused):
            await harness.publish_raw(request.subject, encode(request))
        async with registry(harness.bus, tmp_path / "one"):
            await answers(harness.bus, 2)
        await harness.publish_raw(refused.subject, encode(refused))
        last = deploy(template(), "v2")
        await harness.bus.log.append(last)
        async with registry(harness.bus, tmp_path / "another"):  # one that remembers nothing
            said = await answers(harness.bus, 3)
        assert [word.cause for word in said] == [accepted.id, refused.id, last.id]

    async def test_what_nobody_can_read_is_set_aside_and_the_next_request_answered(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        subject = deploy_request(**WHERE, environment="my_env", user="alice")
        await harness.publish_raw(subject, b"\xff not JSON")
        long_key = "k" * 900_000
        await harness.publish_raw(
            subject, encode(deploy(template())).replace(b'"version"', f'"{long_key}"'.encode(), 1)
        )
        await harness.bus.log.append(event(subject, StartRun(task=TASK)))
        await harness.bus.log.append(deploy(template()))
        async with registry(harness.bus, tmp_path):
            await answers(harness.bus, 1)
            set_aside = await rejections(harness.bus, 3)
        assert [word.sequence for word in set_aside] == [1, 2, 3]
        assert {word.message_subject for word in set_aside} == {subject}
        assert set_aside[0].excerpt == "\\xff not JSON"
        assert "flyte.request.start-run.v1" in set_aside[2].reason

    async def test_a_template_too_large_for_an_event_is_refused(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        size = 1_000_000 - len(encode(deploy(template(docs=""))))
        await harness.publish_raw(
            deploy_request(**WHERE, environment="my_env", user="alice"),
            encode(deploy(template(docs="d" * (size - 1)))),
        )
        async with registry(harness.bus, tmp_path):
            (refused,) = await answers(harness.bus, 1)
        assert isinstance(refused.data, TaskDeployRejected)
        assert refused.data.failure.code == "TemplateTooLarge"

    async def test_of_racing_requests_for_one_version_one_wins(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        other = await harness.connect()
        requests = [deploy(template(description=str(number))) for number in range(20)]
        async with registry(harness.bus, tmp_path / "one"), registry(other, tmp_path / "two"):
            await asyncio.gather(*(harness.bus.log.append(request) for request in requests))
            said = await answers(harness.bus, len(requests))
        assert isinstance(said[0].data, TaskDeployed)
        assert all(isinstance(word.data, TaskDeployRejected) for word in said[1:])
        assert {word.cause for word in said} == {request.id for request in requests}

    async def test_every_one_of_racing_versions_is_there(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        other = await harness.connect()
        requests = [deploy(template(), f"v{number}") for number in range(20)]
        async with registry(harness.bus, tmp_path / "one"), registry(other, tmp_path / "two"):
            await asyncio.gather(*(harness.bus.log.append(request) for request in requests))
            said = await answers(harness.bus, len(requests))
        versions = {word.data.version for word in said if isinstance(word.data, TaskDeployed)}
        assert versions == {f"v{number}" for number in range(20)}


class QuestionCases:
    """The read model answers what the log says: inherit it, and give a fixture `harness`."""

    async def test_the_latest_version_is_the_one_deployed_last(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        for version in ("v2", "v1"):
            await harness.bus.log.append(deploy(template(), version))
        await harness.bus.log.append(deploy(template("my_env.other", description="Does more."), "v7"))
        async with registry(harness.bus, tmp_path):
            await answers(harness.bus, 2)
            await take(harness.bus.log.follow(TASKS, "flyte.task.>"), 3)
            latest = await harness.bus.ask(GET_TASK, GetTask(**WHERE, name="my_env.my_task"))
            tasks = await harness.bus.ask(LIST_TASKS, ListTasks(**WHERE))
            versions = await harness.bus.ask(LIST_TASKS, ListTasks(**WHERE, name="my_env.my_task"))
            newest = await harness.bus.ask(LIST_TASKS, ListTasks(**WHERE, limit=1))
        assert latest.task is not None and latest.task.version == "v1"
        assert [(task.name, task.version) for task in tasks.tasks] == [
            ("my_env.other", "v7"),
            ("my_env.my_task", "v1"),
        ]
        assert tasks.tasks[0].description == "Does more."
        assert [task.version for task in versions.tasks] == ["v1", "v2"]
        assert [task.version for task in newest.tasks] == ["v7"]
        assert tasks.as_of_sequence == 3

    async def test_a_version_that_only_came_with_a_run_is_no_deployment(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        mine, other = template(description="mine"), template(description="other")

        async def bring(version: str, task: TaskTemplate) -> None:
            data = TaskImported(version=version, digest=task.digest(), template=task)
            await harness.bus.log.append(event(SUBJECT, data))

        await bring("w", other)
        async with registry(harness.bus, tmp_path):
            assert await _latest(harness.bus) == ("w", True)  # better than none
            await harness.bus.log.append(deploy(mine, "v"))
            await answers(harness.bus, 2)
            await bring("x", other)  # later in the log
            await harness.bus.log.append(deploy(mine, "x"))  # refused: it is another here
            assert isinstance((await answers(harness.bus, 4))[-1].data, TaskDeployRejected)
            assert await _latest(harness.bus) == ("v", False)
            await harness.bus.log.append(deploy(other, "w"))
            assert isinstance((await answers(harness.bus, 5))[-1].data, TaskDeployed)
            assert await _latest(harness.bus) == ("w", False)
            versions = (await everything(harness.bus))[1].tasks
        assert [one.version for one in versions] == ["w"]

    async def test_an_unknown_task_is_answered_with_the_nearest_names(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        await harness.bus.log.append(deploy(template()))
        async with registry(harness.bus, tmp_path):
            await answers(harness.bus, 1)
            answer = await harness.bus.ask(GET_TASK, GetTask(**WHERE, name="my_env.my_tusk"))
            elsewhere = await harness.bus.ask(
                GET_TASK, GetTask(project="other", domain="development", name="my_env.my_task")
            )
        assert answer == TaskAnswer(task=None, similar=("my_env.my_task",), as_of_sequence=1)
        assert elsewhere == TaskAnswer(task=None, as_of_sequence=1)

    async def test_runs_are_listed_newest_first_with_what_became_of_them(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        async with registry(harness.bus, tmp_path):
            await happen(harness.bus, "r1", *STARTED)
            await happen(harness.bus, "r1", CHILD, action="c1")
            await happen(harness.bus, "r2", *STARTED, ActionFailed(failure=CRASH))
            await happen(harness.bus, "r3", STARTED[0])
            await happen(harness.bus, "r1", AttemptSucceeded(attempt=1))
            runs = await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE))
            one = await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE, name="r2"))
            none = await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE, name="r9"))
            newest = await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE, limit=1))
        assert [(run.name, run.phase, run.attempts, run.actions) for run in runs.runs] == [
            ("r3", ActionPhase.QUEUED, 0, 1),
            ("r2", ActionPhase.FAILED, 1, 1),
            ("r1", ActionPhase.SUCCEEDED, 1, 2),
        ]
        assert [run.failure for run in one.runs] == [CRASH]
        assert none.runs == ()
        assert [run.name for run in newest.runs] == ["r3"]
        assert runs.as_of_sequence == 10

    async def test_projects_are_those_that_were_written_down_and_those_that_have_anything(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        book = ProjectBook(projects={"garden": ProjectRecord(id="garden", name="The garden")})
        await harness.bus.bucket(SETTINGS_BUCKET).put(PROJECTS_KEY, book.model_dump_json().encode())
        for version in ("v1", "v2"):
            await harness.bus.log.append(deploy(template(), version))
        async with registry(harness.bus, tmp_path):
            await answers(harness.bus, 2)
            await happen(harness.bus, "r1", *STARTED)
            found = await harness.bus.ask(LIST_PROJECTS, ListProjects())
            mine = await harness.bus.ask(GET_PROJECT, GetProject(**WHERE))
            every = await harness.bus.ask(GET_PROJECT, GetProject(project="*", domain=WHERE["domain"]))
            none = await harness.bus.ask(GET_PROJECT, GetProject(project=WHERE["project"], domain="other"))
            empty = await harness.bus.ask(GET_PROJECT, GetProject(project="garden", domain="production"))
        assert [(one.record.id, one.written) for one in found.projects] == [
            (WHERE["project"], False),
            ("garden", True),
        ]
        assert found.projects[0].domains == (DomainSummary(name=WHERE["domain"], tasks=1, runs=1),)
        assert (found.as_of_sequence, found.tasks_as_of_sequence) == (3, 2)
        assert (mine.projects, every.projects) == (found.projects[:1], found.projects)
        assert [(one.record.id, one.domains) for one in none.projects] == [(WHERE["project"], ())]
        assert [(one.record.name, one.domains) for one in empty.projects] == [("The garden", ())]

    async def test_an_answer_waits_for_the_place_in_the_log_that_is_asked_for(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        async with registry(harness.bus, tmp_path, answer_patience_s=GUARD_S):
            question = ListRuns(**WHERE, at_least_sequence=3)
            asking = asyncio.create_task(harness.bus.ask(LIST_RUNS, question, timeout_s=GUARD_S))
            await happen(harness.bus, "r1", *STARTED)
            answer = await asking
        assert answer.as_of_sequence == 3
        assert [run.phase for run in answer.runs] == [ActionPhase.RUNNING]

    async def test_a_place_that_the_log_never_reaches_is_not_waited_for_for_ever(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        async with registry(harness.bus, tmp_path, answer_patience_s=0.05):
            answer = await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE, at_least_sequence=1_000))
        assert answer == RunList(runs=(), as_of_sequence=0)

    async def test_malformed_facts_are_set_aside_and_the_model_goes_on(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        await harness.publish_raw(action_subject(RunKey(**WHERE, run="r1").action("a0")), b"{}")
        await harness.publish_raw(SUBJECT, b"[]")
        await harness.bus.log.append(deploy(template()))
        async with registry(harness.bus, tmp_path):
            await happen(harness.bus, "r2", *STARTED)
            runs = await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE))
            await take(harness.bus.log.follow(TASKS, SUBJECT), 2)
            answer = await harness.bus.ask(GET_TASK, GetTask(**WHERE, name="my_env.my_task"))
            set_aside = await rejections(harness.bus, 2)
        assert [run.name for run in runs.runs] == ["r2"]
        assert answer.task is not None
        assert {word.stream for word in set_aside} == {RUNS.name, TASKS.name}

    async def test_it_says_that_it_is_there(self, harness: RegistryHarness, tmp_path: Path) -> None:
        async with registry(harness.bus, tmp_path):
            pong = await harness.bus.ask(ping_endpoint("registry"), Ping())
        assert pong.service == "registry"


class ReadModelCases:
    """The read model is disposable: inherit it, and give a fixture `harness`."""

    async def fill(self, bus: Bus) -> None:
        """Tasks, and runs in several phases."""
        for version in ("v1", "v2"):
            await bus.log.append(deploy(template(), version))
        await happen(bus, "r1", *STARTED, AttemptSucceeded(attempt=1))
        await happen(bus, "r2", *STARTED)
        await happen(bus, "r2", CHILD, action="c1")
        await answers(bus, 2)

    async def test_a_model_that_was_deleted_gives_the_same_answers(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        async with registry(harness.bus, tmp_path / "one"):
            await self.fill(harness.bus)
            before = await everything(harness.bus)
        async with registry(harness.bus, tmp_path / "another"):
            assert await everything(harness.bus) == before
        assert [run.name for run in before[0].runs] == ["r2", "r1"]

    async def test_a_model_that_was_closed_in_mid_run_goes_on(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        async with registry(harness.bus, tmp_path):
            await self.fill(harness.bus)
            await everything(harness.bus)
        await happen(harness.bus, "r2", AttemptSucceeded(attempt=1))
        await happen(harness.bus, "r2", CHILD, action="c2")
        async with registry(harness.bus, tmp_path):
            again = await everything(harness.bus)
        async with registry(harness.bus, tmp_path / "another"):
            assert await everything(harness.bus) == again
        assert [(run.phase, run.actions) for run in again[0].runs] == [
            (ActionPhase.SUCCEEDED, 3),
            (ActionPhase.SUCCEEDED, 1),
        ]

    @pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
    async def test_a_file_that_is_no_model_of_ours_is_made_anew(
        self, harness: RegistryHarness, tmp_path: Path, content: bytes
    ) -> None:
        (tmp_path / "registry.sqlite3").write_bytes(content)
        async with registry(harness.bus, tmp_path):
            await self.fill(harness.bus)
            assert len((await everything(harness.bus))[0].runs) == 2

    async def test_a_model_has_one_owner(self, harness: RegistryHarness, tmp_path: Path) -> None:
        async with registry(harness.bus, tmp_path):
            with pytest.raises(ReadModelInUse, match="FLYTE_REGISTRY_HOME"):
                async with registry(harness.bus, tmp_path):
                    pass
            await self.fill(harness.bus)

    async def test_while_it_is_behind_it_does_not_answer_wrongly(
        self, harness: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def never(self: Projection, stream: StreamSpec) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(Projection, "follow", never)
        await happen(harness.bus, "r1", *STARTED)
        async with registry(harness.bus, tmp_path, answer_patience_s=0.05):
            with pytest.raises(Refusal) as caught:
                await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE))
        assert caught.value.failure.code == "RegistryBehind"
        assert f"it has read 0 of 3 events of {RUNS.name}" in caught.value.failure.message

    async def test_when_its_bus_is_closed_it_does_not_seem_alive(
        self, harness: RegistryHarness, tmp_path: Path
    ) -> None:
        bus = await harness.connect()
        async with registry(bus, tmp_path) as service:
            await bus.close()
            with pytest.raises(LoopDied):
                async with asyncio.timeout(GUARD_S):
                    await service.wait()


async def _latest(bus: Bus) -> tuple[str, bool]:
    """The latest version of the task, and whether it was only imported."""
    task = (await bus.ask(GET_TASK, GetTask(**WHERE, name=TASK.name))).task
    assert task is not None
    return task.version, task.is_imported
