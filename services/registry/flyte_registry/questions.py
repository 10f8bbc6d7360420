"""The questions that the registry answers, each from the read model as it stands now.

An answer is never from before its question: the model first sees what the log held when the question
came. While it cannot, because it is being rebuilt, the question is refused rather than answered wrongly.
"""

from flyte_bus.errors import Refusal
from flyte_bus.ports import Bus, Server
from flyte_registry.core.conditions import conditions, order, task_conditions
from flyte_registry.core.nearest import nearest
from flyte_registry.core.rows import TaskRow, run_summary
from flyte_registry.projection import Projection
from flyte_registry.read_model import ReadModel
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
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.streams import RUNS, TASKS, StreamSpec
from flyte_schemas.subjects import RunKey


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
        )

    async def get_task(self, question: GetTask) -> TaskAnswer:
        """One version of a task. Raises Refusal `RegistryBehind`."""
        if question.version is not None:
            row = await self._task(question)  # a version never changes: no need to catch up for it
            if row is not None:
                return TaskAnswer(task=_record(row))
        await self._catch_up(TASKS)
        row = await self._task(question)
        if row is not None:
            return TaskAnswer(task=_record(row))
        return TaskAnswer(task=None, similar=await self._similar(question))

    async def list_tasks(self, question: ListTasks) -> TaskList:
        """The latest version of each task, or all versions of one. Raises Refusal `RegistryBehind`."""
        as_of = await self._catch_up(TASKS)
        limit = min(question.limit, self._settings.max_listed)
        tasks = await self._projection.ask(
            lambda model: model.listed_tasks(
                question.project,
                question.domain,
                limit,
                name=question.name,
                conditions=task_conditions(question),
                ascending=question.ascending,
            )
        )
        return TaskList(tasks=tuple(tasks), as_of_sequence=as_of)

    async def list_runs(self, question: ListRuns) -> RunList:
        """The newest runs, or one with its whole failure. Raises Refusal `RegistryBehind`."""
        as_of = await self._catch_up(RUNS, question.at_least_sequence)
        if question.name is not None:
            key = RunKey(question.project, question.domain, question.name)
            row = await self._projection.ask(lambda model: model.run(key))
            rows = [] if row is None else [row]
        else:
            limit = min(question.limit, self._settings.max_listed)
            rows = await self._projection.ask(
                lambda model: model.runs(
                    question.project, question.domain, limit, conditions(question), order(question)
                )
            )
        summaries = (run_summary(row, in_full=question.name is not None) for row in rows)
        return RunList(runs=tuple(run for run in summaries if run is not None), as_of_sequence=as_of)

    async def _task(self, question: GetTask) -> TaskRow | None:
        return await self._projection.ask(
            lambda model: model.task(question.project, question.domain, question.name, question.version)
        )

    async def _similar(self, question: GetTask) -> tuple[str, ...]:
        settings = self._settings

        def names(model: ReadModel) -> tuple[str, ...]:
            known = model.task_names(question.project, question.domain, settings.max_compared)
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
            raise Refusal(_behind(stream, as_of, end))
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


def _behind(stream: StreamSpec, as_of: int, end: int) -> Failure:
    return Failure(
        code="RegistryBehind",
        kind=FailureKind.SYSTEM,
        message=f"the registry still reads {stream.name}: it is at {as_of} of {end}",
        hint="ask again in a moment",
    )
