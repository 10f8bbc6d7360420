"""A run exported from one log in memory and imported into another, where executors look on."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from flyte._archive.checking import NotImported, check
from flyte._archive.reading import reading
from flyte._archive.records import EVENTS, Damaged
from flyte._client.exporting import Exported, export_run
from flyte._client.importing import Imported, import_run
from flyte_bus.errors import BusUnavailable, Refusal
from flyte_bus.history import find_task, find_version, read_run
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.ports import Bus
from flyte_schemas.action import ActionState
from flyte_schemas.audit import Audit
from flyte_schemas.endpoints import CREATE_DOWNLOAD_LOCATION, CreateDownloadLocation, DownloadLocation
from flyte_schemas.events import ActionRequested, LogSegment, LogWritten, TaskDeployed
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.failure_codes import ARTIFACT_NOT_FOUND
from flyte_schemas.imported import RunImported
from flyte_schemas.run import RunFold
from flyte_schemas.streams import LOGS, RUNS, TASKS
from flyte_schemas.subjects import RunKey, action_subject, log_filter, log_subject, run_filter, task_subject
from flyte_schemas.task import TaskReference
from testkit.archives import rewrite
from testkit.events import MORNING, event
from testkit.executor_plane import Plane, kind
from testkit.recorded_logs import recorded
from testkit.scripted_backend import TASK
from testkit.tasks import template

RECORDINGS = sorted((Path(__file__).parents[2] / "golden" / "logs").glob("*.jsonl"))


class Source:
    """A log in memory that holds what the simulation's worlds have written, with versions and output."""

    def __init__(self, recording: Path) -> None:
        self.server = MemoryServer()
        self.bus = MemoryBus(self.server)
        _, self.entries = recorded(recording)
        self.runs: list[RunKey] = []

    async def fill(self) -> None:
        await self.bus.provision()
        tasks: dict[str, TaskReference] = {}
        for entry in self.entries:
            self.server.publish_raw(entry.subject, entry.raw)
            key = RunKey(*entry.subject.split(".")[2:5])
            if key not in self.runs:
                self.runs.append(key)
            data = getattr(entry.content, "data", None)
            if isinstance(data, ActionRequested):
                tasks[f"{key.project}.{key.domain}.{data.task.name}"] = data.task
        for place, task in tasks.items():
            one = template(task.name)
            subject = task_subject(*place.split(".", 2)[:2], task.name)
            data = TaskDeployed(version=task.version, digest=one.digest(), template=one)
            await self.bus.log.append(event(subject, data, id=f"t.{place}"))
        for run in self.runs:
            await write_output(self.bus, run, "before it ended\n")


async def write_output(bus: Bus, run: RunKey, text: str) -> None:
    chunk = LogWritten(
        attempt=1, offset=0, size_bytes=len(text), segments=(LogSegment(stream="stdout", text=text),)
    )
    await bus.log.append(event(log_subject(run.action("a0")), chunk, id=f"{run}.log"))


async def no_objects(bus: Bus) -> None:
    """The store has nothing."""

    async def answer(question: CreateDownloadLocation) -> DownloadLocation:
        raise Refusal(Failure(code=ARTIFACT_NOT_FOUND, kind=FailureKind.USER, message="it is not there"))

    await bus.serve(CREATE_DOWNLOAD_LOCATION, answer)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Plane]:
    """A control plane whose executor is up."""
    async with AsyncExitStack() as stack:
        plane = Plane(tmp_path, stack)
        await plane.bus.provision()
        stack.push_async_callback(plane.bus.close)
        stack.push_async_callback(plane.machine.end)
        await no_objects(plane.bus)
        yield plane


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    found = Source(next(path for path in RECORDINGS if path.stem == "0002-1"))
    await found.fill()
    yield found
    await found.bus.close()


async def exported(source: Source, run: RunKey, path: Path) -> Exported:
    return await export_run(source.bus, run, path, at=MORNING, with_objects=False)


async def imported(bus: Bus, path: Path, run: RunKey | None = None) -> Imported:
    with reading(path) as reader:
        contents = check(reader)
        return await import_run(bus, reader, contents, run or contents.manifest.key, "somebody")


async def raws(bus: Bus, run: RunKey) -> list[tuple[str, bytes]]:
    return [(entry.subject, entry.raw) async for entry in bus.log.read(RUNS, run_filter(run))]


async def output(bus: Bus, run: RunKey) -> list[bytes]:
    return [entry.raw async for entry in bus.log.read(LOGS, log_filter(run))]


def meaning(fold: RunFold) -> dict[str, ActionState]:
    """The states of a run without where in a log they stand, and whose log it is."""
    return {name: state._replace(version=0, fence=0, imported=None) for name, state in fold.actions.items()}


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
async def test_a_chaotic_run_is_word_for_word_what_it_was(
    recording: Path, here: Plane, tmp_path: Path
) -> None:
    source = Source(recording)
    await source.fill()
    await here.executor()
    for run in source.runs:
        await exported(source, run, tmp_path / "run.zip")
        done = await imported(here.bus, tmp_path / "run.zip")
        mark, *words = await raws(here.bus, run)
        assert words == await raws(source.bus, run)
        assert b"flyte.run.imported.v1" in mark[1]
        assert done.events == len(words)
        assert await output(here.bus, run) == await output(source.bus, run)
        fold = await read_run(here.bus.log, run)
        assert meaning(fold) == meaning(await read_run(source.bus.log, run))
        assert (fold.is_imported, fold.is_settled) == (True, True)
    await here.quiet()
    audit = Audit()
    for entry in await here.entries():
        audit.take(entry.subject, entry.sequence, entry.content)
    audit.finish()
    assert not audit.violations
    assert len(await here.entries()) == len(source.entries) + len(source.runs)  # and no word more
    assert not here.machine.launched
    await source.bus.close()


async def test_whenever_it_is_killed_nobody_goes_on_and_it_is_completed_later(
    source: Source, here: Plane, tmp_path: Path
) -> None:
    run = source.runs[0]
    await exported(source, run, tmp_path / "run.zip")
    whole = await raws(source.bus, run)
    life = await here.executor(checkpoint_s=0.001)
    there = 0
    for more in (0, 1, 1, 7, len(whole) // 2, len(whole) // 4):
        with pytest.raises(BusUnavailable, match="killed"):
            await imported(Dying(here.bus, more), tmp_path / "run.zip")  # type: ignore[arg-type]
        there += more
        await here.quiet()
        assert (await raws(here.bus, run))[1:] == whole[:there]
        await life.end()  # an executor that comes back does not take it for its own either
        life = await here.executor(checkpoint_s=0.001)
        await here.quiet()
        assert not here.machine.launched
    assert there < len(whole)
    done = await imported(here.bus, tmp_path / "run.zip")
    assert done.events + done.events_there == len(whole)
    assert (await raws(here.bus, run))[1:] == whole
    assert await output(here.bus, run) == await output(source.bus, run)
    await here.quiet()
    assert len(await here.entries()) == len(whole) + 1


class Dying:
    """A bus whose user is killed after so many words of the run."""

    def __init__(self, bus: MemoryBus, words: int) -> None:
        self._bus = bus
        self._left = words
        self.log = self
        self.append, self.read, self.last = bus.log.append, bus.log.read, bus.log.last
        self.ask = bus.ask

    async def copy(self, subject: str, raw: bytes, *, expected: int) -> int:
        if subject.startswith("flyte.run."):
            if not self._left:
                raise BusUnavailable("killed")
            self._left -= 1
        return await self._bus.log.copy(subject, raw, expected=expected)


async def test_the_same_file_twice_changes_nothing(source: Source, here: Plane, tmp_path: Path) -> None:
    run = source.runs[0]
    await exported(source, run, tmp_path / "run.zip")
    first = await imported(here.bus, tmp_path / "run.zip")
    before = (await here.entries(), await output(here.bus, run))
    second = await imported(here.bus, tmp_path / "run.zip")
    assert (second.events, second.events_there, second.tasks, second.logs) == (0, first.events, 0, 0)
    assert (await here.entries(), await output(here.bus, run)) == before
    back = await imported(source.bus, tmp_path / "run.zip")  # where it came from, it is there as well
    assert (back.events, back.events_there) == (0, first.events)


async def test_an_import_is_exported_and_imported_again(source: Source, here: Plane, tmp_path: Path) -> None:
    run, third = source.runs[0], MemoryBus(MemoryServer())
    async with third:
        await third.provision()
        await no_objects(third)
        await exported(source, run, tmp_path / "run.zip")
        await imported(here.bus, tmp_path / "run.zip")
        await export_run(here.bus, run, tmp_path / "again.zip", at=MORNING, with_objects=False)
        for _ in range(2):
            await imported(third, tmp_path / "again.zip")
            marks, words = (await raws(third, run))[:2], (await raws(third, run))[2:]
            assert words == await raws(source.bus, run)
            assert all(b"flyte.run.imported.v1" in raw for _, raw in marks)
        back = await imported(here.bus, tmp_path / "again.zip")
        assert back.events == 0


async def test_another_run_of_that_name_is_refused(source: Source, here: Plane, tmp_path: Path) -> None:
    first, second = source.runs[:2]
    await exported(source, first, tmp_path / "first.zip")
    await exported(source, second, tmp_path / "second.zip")
    await imported(here.bus, tmp_path / "first.zip")
    before = await here.entries()
    with pytest.raises(NotImported, match=f"has another run called {first.run}: import this one --as"):
        await imported(here.bus, tmp_path / "second.zip", first)
    assert await here.entries() == before
    await imported(here.bus, tmp_path / "second.zip", first._replace(run="renamed"))
    renamed = await read_run(here.bus.log, first._replace(run="renamed"))
    assert meaning_without_ids(renamed) == meaning_without_ids(await read_run(source.bus.log, second))


def meaning_without_ids(fold: RunFold) -> dict[str, ActionState]:
    return {
        name: state._replace(request_id="", cause=None, cached_from="", recovered_from="", traced=None)
        for name, state in meaning(fold).items()
    }


async def test_a_run_that_lives_here_is_not_completed_by_a_file(
    source: Source, here: Plane, tmp_path: Path
) -> None:
    run = source.runs[0]
    await exported(source, run, tmp_path / "run.zip")
    for subject, raw in (await raws(source.bus, run))[:3]:
        here.server.publish_raw(subject, raw)
    with pytest.raises(NotImported, match="has another run called"):
        await imported(here.bus, tmp_path / "run.zip")


async def test_a_version_that_came_along_is_nobodys_latest(
    source: Source, here: Plane, tmp_path: Path
) -> None:
    run = source.runs[0]
    await exported(source, run, tmp_path / "run.zip")
    task = (await read_run(source.bus.log, run)).root.requested
    assert task is not None
    name, place = task.task.name, (run.project, run.domain)
    assert await find_version(here.bus.log, *place, name) is None
    await imported(here.bus, tmp_path / "run.zip")
    assert await find_task(here.bus.log, *place, task.task) == template(name)
    assert await find_version(here.bus.log, *place, name) == (task.task.version, template(name))
    mine = template(name, image="mine")
    subject = task_subject(*place, name)
    here.server.publish_raw(subject, b"nobody can read this")
    deployed = TaskDeployed(version="mine", digest=mine.digest(), template=mine)
    await here.append(subject, deployed)
    await imported(here.bus, tmp_path / "run.zip", run._replace(run="later"))
    assert await find_version(here.bus.log, *place, name) == ("mine", mine)
    kinds = [kind(entry) async for entry in here.bus.log.read(TASKS, subject)]
    assert kinds == ["TaskImported", "Malformed", "TaskDeployed"]


async def test_another_content_of_a_version_is_refused(source: Source, here: Plane, tmp_path: Path) -> None:
    run = source.runs[0]
    await exported(source, run, tmp_path / "run.zip")
    requested = (await read_run(source.bus.log, run)).root.requested
    assert requested is not None
    other = template(requested.task.name, image="other")
    subject = task_subject(run.project, run.domain, requested.task.name)
    data = TaskDeployed(version=requested.task.version, digest=other.digest(), template=other)
    await here.append(subject, data)
    with pytest.raises(NotImported, match="is here with other content: import the run into another"):
        await imported(here.bus, tmp_path / "run.zip")
    assert not await here.entries()
    await imported(here.bus, tmp_path / "run.zip", run._replace(project="elsewhere"))


async def test_what_had_not_ended_is_exported_and_not_imported(here: Plane, tmp_path: Path) -> None:
    run = await here.start("lives")
    await here.append(action_subject(run.action("a0")), ActionRequested(task=TASK))
    done = await export_run(here.bus, run, tmp_path / "run.zip", at=MORNING, with_objects=False)
    assert not done.seal.is_finished
    with pytest.raises(NotImported, match="nobody here can go on with it: export it again after its end"):
        await imported(here.bus, tmp_path / "run.zip")


async def test_a_run_that_the_log_does_not_have_leaves_no_file(source: Source, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="the log has no run 'unheard'"):
        await exported(source, RunKey("p", "d", "unheard"), tmp_path / "run.zip")
    assert not list(tmp_path.glob("*.zip"))


async def test_a_name_that_an_import_has_taken_cannot_be_started_meanwhile(here: Plane) -> None:
    run = RunKey("project", "domain", "taken")
    mark = RunImported(origin="p/d/r", digest="0" * 64, exported_at=MORNING)
    await here.append(action_subject(run.action("a0")), mark)
    await here.executor()
    await here.start("taken")
    await here.start("other")
    await here.settled(run._replace(run="other"))
    assert await here.events(run.action("a0")) == ["RunImported"]


async def test_a_message_of_another_run_is_no_part_of_a_file(source: Source, tmp_path: Path) -> None:
    run = source.runs[0]
    await exported(source, run, tmp_path / "run.zip")
    name = run.run.encode()
    rewrite(tmp_path / "run.zip", EVENTS, lambda lines: [lines[0].replace(name, b"another"), *lines[1:]])
    with pytest.raises(Damaged, match=r"record 1 in events.jsonl was changed"):
        await imported(source.bus, tmp_path / "run.zip")
