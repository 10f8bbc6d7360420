"""The questions that the registry answers, each from the read model as it stands now.

An answer is never from before its question: the model first sees what the log held when the question
came. While it cannot, because it is being rebuilt, the question is refused rather than answered wrongly.
"""

from collections.abc import Sequence

from flyte_bus.errors import Refusal
from flyte_bus.ports import Bus, Server
from flyte_registry.core.cursors import Place, WrongCursor, cursor_of, place_of
from flyte_registry.core.nearest import nearest
from flyte_registry.core.pace import in_words
from flyte_registry.core.projects import CountsByPlace, overview
from flyte_registry.core.rows import TaskRow, run_summary
from flyte_registry.projection import FOLLOWED, Projection
from flyte_registry.read_model import ReadModel
from flyte_registry.run_table import ListedRun, place_size
from flyte_registry.settings import RegistrySettings
from flyte_schemas.endpoints import (
    GET_TASK,
    LIST_RUNS,
    LIST_TASKS,
    GetTask,
    ListRuns,
    ListTasks,
    RunList,
    TaskAnswer,
    TaskList,
    TaskRecord,
    TaskSummary,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.overview import (
    GET_PROGRESS,
    GET_PROJECT,
    LIST_PROJECTS,
    GetProgress,
    GetProject,
    ListProjects,
    Progress,
    ProjectList,
    StreamProgress,
)
from flyte_schemas.phase import ActionPhase
from flyte_schemas.projects import PROJECTS_KEY, ProjectBook
from flyte_schemas.reading import ANY
from flyte_schemas.streams import RUNS, SETTINGS_BUCKET, TASKS, StreamSpec
from flyte_schemas.subjects import RunKey
from flyte_schemas.words import Word


class Questions:
    """The endpoints of the registry."""

    def __init__(self, bus: Bus, projection: Projection, settings: RegistrySettings) -> None:
        self._bus = bus
        self._projection = projection
        self._settings = settings

    async def serve(self) -> tuple[Server, ...]:
        """Begin to answer."""
        return (
            await self._bus.serve(GET_TASK, self.get_task),
            await self._bus.serve(LIST_TASKS, self.list_tasks),
            await self._bus.serve(LIST_RUNS, self.list_runs),
            await self._bus.serve(LIST_PROJECTS, self.list_projects),
            await self._bus.serve(GET_PROJECT, self.get_project),
            await self._bus.serve(GET_PROGRESS, self.get_progress),
        )

    async def get_task(self, question: GetTask) -> TaskAnswer:
        """One version of a task. Raises Refusal `RegistryBehind`."""
        if question.version is not None:
            row, as_of = await self._task(question)  # a version never changes: no need to catch up for it
            if row is not None:
                return TaskAnswer(task=_record(row), as_of_sequence=as_of)
        await self._catch_up(TASKS)
        row, as_of = await self._task(question)
        if row is not None:
            return TaskAnswer(task=_record(row), as_of_sequence=as_of)
        return TaskAnswer(task=None, similar=await self._similar(question), as_of_sequence=as_of)

    async def list_tasks(self, question: ListTasks) -> TaskList:
        """The latest version of each task, or all versions of one. Raises Refusal."""
        place = _place(question, 2)
        await self._catch_up(TASKS)
        limit = min(question.limit, self._settings.max_listed)

        def listed(model: ReadModel) -> tuple[list[tuple[TaskSummary, int]], int]:
            snapshot = place[0] if place else model.position(TASKS.name).as_of
            return model.tasks.listed(question, limit + 1, snapshot, place), snapshot

        (rows, snapshot), as_of = await self._projection.ask_as_of(TASKS, listed)
        count = _fitting([task for task, _ in rows[:limit]], self._settings.max_answer_bytes)
        end = (snapshot, rows[count - 1][1]) if count else None
        return TaskList(
            tasks=tuple(task for task, _ in rows[:count]),
            as_of_sequence=as_of,
            next=_next(question, end, is_more=count < len(rows)),
        )

    async def list_runs(self, question: ListRuns) -> RunList:
        """The newest runs, or one with its whole failure. Raises Refusal."""
        place = _place(question, place_size(question))
        await self._catch_up(RUNS, question.at_least_sequence)
        if question.name is not None:
            return await self._one_run(question, RunKey(question.project, question.domain, question.name))
        limit = min(question.limit, self._settings.max_listed)

        def listed(model: ReadModel) -> tuple[list[ListedRun], dict[ActionPhase, int] | None]:
            counts = model.runs.counts(question) if question.counts else None
            return model.runs.listed(question, limit + 1, place), counts

        (rows, counts), as_of = await self._projection.ask_as_of(RUNS, listed)
        count = _fitting([run.summary for run in rows[:limit]], self._settings.max_answer_bytes)
        end = rows[count - 1].place(question) if count else None
        return RunList(
            runs=tuple(run.summary for run in rows[:count]),
            as_of_sequence=as_of,
            next=_next(question, end, is_more=count < len(rows)),
            counts=counts,
        )

    async def list_projects(self, question: ListProjects) -> ProjectList:
        """The projects of the book and of the log. Raises Refusal `RegistryBehind`."""
        return await self._projects()

    async def get_project(self, question: GetProject) -> ProjectList:
        """A part of the same. Raises Refusal `RegistryBehind`."""
        return await self._projects(question.project, question.domain)

    async def _projects(self, project: str = ANY, domain: str = ANY) -> ProjectList:
        tasks_as_of = await self._catch_up(TASKS)
        await self._catch_up(RUNS)
        counted, as_of = await self._projection.ask_as_of(RUNS, _counts_by_place)
        entry = await self._bus.bucket(SETTINGS_BUCKET).get(PROJECTS_KEY)
        book = ProjectBook.model_validate_json(entry.value) if entry and entry.value else ProjectBook()
        return ProjectList(
            projects=tuple(overview(book, *counted, project=project, domain=domain)),
            as_of_sequence=as_of,
            tasks_as_of_sequence=tasks_as_of,
        )

    async def get_progress(self, question: GetProgress) -> Progress:
        """How far the streams are read."""
        return Progress(streams=tuple([await self._projection.progress(stream) for stream in FOLLOWED]))

    async def _one_run(self, question: ListRuns, key: RunKey) -> RunList:
        row, as_of = await self._projection.ask_as_of(RUNS, lambda model: model.runs.get(key))
        run = run_summary(row, in_full=True) if row else None
        counts = ({run.phase: 1} if run else {}) if question.counts else None
        return RunList(runs=(run,) if run else (), as_of_sequence=as_of, counts=counts)

    async def _task(self, question: GetTask) -> tuple[TaskRow | None, int]:
        place = (question.project, question.domain, question.name, question.version)
        return await self._projection.ask_as_of(TASKS, lambda model: model.tasks.get(*place))

    async def _similar(self, question: GetTask) -> tuple[str, ...]:
        settings = self._settings

        def names(model: ReadModel) -> tuple[str, ...]:
            known = model.tasks.names(question.project, question.domain, settings.max_compared)
            return nearest(question.name, known, settings.max_similar)

        return await self._projection.ask(names)

    async def _catch_up(self, stream: StreamSpec, at_least: int = 0) -> int:
        """Wait, within limits, until the model has seen what the log holds now (and `at_least`).

        Returns the place that the model has seen; a place that the log itself has not reached is waited
        for as long, and then done without.
        """
        end = await self._bus.log.last_sequence(stream)
        as_of = await self._projection.reach(stream, max(end, at_least), self._settings.answer_patience_s)
        if as_of < end:
            raise Refusal(_behind(await self._projection.progress(stream)))
        return as_of


def _record(row: TaskRow) -> TaskRecord:
    return TaskRecord(
        project=row.project,
        domain=row.domain,
        name=row.name,
        version=row.version,
        deployed_at=row.deployed_at,
        template=row.template,
        is_imported=row.is_imported,
    )


def _place(question: ListRuns | ListTasks, size: int) -> Place | None:
    try:
        return place_of(question, size)
    except WrongCursor as error:
        raise Refusal(Failure(code="InvalidQuestion", kind=FailureKind.USER, message=str(error))) from error


def _next(question: ListRuns | ListTasks, end: Place | None, *, is_more: bool) -> str:
    """The cursor behind the last row of a page; that of the page before when there is no row on it."""
    if not is_more:
        return ""
    return cursor_of(question, end) if end else question.cursor


def _fitting(rows: Sequence[Word], most_bytes: int) -> int:
    """How many of the first rows fit into one answer; one does, whatever its size."""
    size = 0
    for count, row in enumerate(rows):
        size += len(row.model_dump_json())
        if count and size > most_bytes:
            return count
    return len(rows)


def _counts_by_place(model: ReadModel) -> tuple[CountsByPlace, CountsByPlace]:
    tasks = {(project, domain): count for project, domain, count in model.tasks.counts_by_place()}
    return tasks, {(project, domain): count for project, domain, count in model.runs.counts_by_place()}


def _behind(progress: StreamProgress) -> Failure:
    said = in_words(progress.stream, progress.as_of, progress.end, progress.per_s)
    return Failure(
        code="RegistryBehind",
        kind=FailureKind.SYSTEM,
        message=f"the registry still reads the log: {said}",
        hint="ask again in a moment; `flyte status` shows how far it is",
    )
