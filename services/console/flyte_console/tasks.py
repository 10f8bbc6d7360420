"""What can run, and the projects that have any of it: all of it asked of the registry."""

from flyte_bus.ports import Bus
from flyte_console.answers.tasks import (
    Project,
    ProjectDomain,
    Projects,
    TaskFacts,
    TaskFactsAnswer,
    TaskRow,
    Tasks,
    TaskVersions,
)
from flyte_console.core.asks import Ask, version
from flyte_console.core.sessions import Session
from flyte_console.problems import not_found
from flyte_console.settings import ConsoleSettings
from flyte_schemas.endpoints import GET_TASK, LIST_TASKS, GetTask, ListTasks, TaskList, TaskSummary
from flyte_schemas.overview import LIST_PROJECTS, ListProjects, ProjectSummary
from flyte_schemas.sessions import ANY
from flyte_schemas.streams import TASKS


class TaskAnswers:
    """The handlers."""

    def __init__(self, bus: Bus, settings: ConsoleSettings) -> None:
        self._bus = bus
        self._settings = settings

    async def projects(self, ask: Ask) -> Projects:
        """The projects that somebody wrote down, or that the log has runs or tasks of: those one may see."""
        found = await self._bus.ask(LIST_PROJECTS, ListProjects(), timeout_s=self._settings.ask_patience_s)
        shown = (_project(summary, ask.session) for summary in found.projects)
        return Projects(projects=tuple(filter(None, shown)), as_of=found.as_of_sequence)

    async def tasks(self, ask: Ask) -> Tasks:
        """The tasks of a project and domain, each by its newest version, newest first."""
        found = await self._list(ask, None)
        return Tasks(tasks=tuple(map(_row, found.tasks)), next=found.next or None, as_of=found.as_of_sequence)

    async def versions(self, ask: Ask) -> TaskVersions:
        """The versions of one task, newest first."""
        name = ask.task_name
        found = await self._list(ask, name)
        if not found.tasks and ask.text("cursor") is None:
            raise await self._unknown(ask, name)
        return TaskVersions(
            name=name,
            versions=tuple(map(_row, found.tasks)),
            next=found.next or None,
            as_of=found.as_of_sequence,
        )

    async def version(self, ask: Ask) -> TaskFactsAnswer:
        """One version of a task, in full."""
        name = ask.task_name
        question = GetTask(
            project=ask.name("project"),
            domain=ask.name("domain"),
            name=name,
            version=version(ask.path["version"]),
        )
        answer = await self._bus.ask(GET_TASK, question, timeout_s=self._settings.ask_patience_s)
        if answer.task is None:
            raise await self._unknown(ask, name)
        found = answer.task
        return TaskFactsAnswer(
            task=TaskFacts(
                name=found.name,
                version=found.version,
                deployed_at=found.deployed_at,
                template=found.template,
            ),
            as_of=await self._bus.log.last_sequence(TASKS),
        )

    async def _list(self, ask: Ask, name: str | None) -> TaskList:
        question = ListTasks(
            project=ask.name("project"),
            domain=ask.name("domain"),
            name=name,
            search=ask.text("q") or "",
            limit=ask.whole("limit", default=100, at_least=1, at_most=self._settings.max_listed),
            cursor=ask.text("cursor") or "",
        )
        return await self._bus.ask(LIST_TASKS, question, timeout_s=self._settings.ask_patience_s)

    async def _unknown(self, ask: Ask, name: str) -> Exception:
        """There is no such task, or version; with the names that are like it."""
        question = GetTask(project=ask.name("project"), domain=ask.name("domain"), name=name)
        answer = await self._bus.ask(GET_TASK, question, timeout_s=self._settings.ask_patience_s)
        place = f"{question.project}/{question.domain}"
        if answer.task is not None:
            message = f"task {name} in {place} has no version {ask.path['version']!r}"
            return not_found("TaskNotFound", message, f"Its newest one is {answer.task.version}.")
        similar = f"Similar names: {', '.join(answer.similar)}." if answer.similar else ""
        return not_found("TaskNotFound", f"no task {name} was deployed to {place}", similar)


def _row(task: TaskSummary) -> TaskRow:
    return TaskRow(**task.model_dump())


def _project(summary: ProjectSummary, session: Session) -> Project | None:
    """A project with what a session may see of it; None when that is nothing."""
    record = summary.record
    if not any(place.project in (ANY, record.id) for place in session.places):
        return None
    return Project(
        id=record.id,
        name=record.name,
        description=record.description,
        labels=record.labels,
        archived=record.archived,
        domains=tuple(
            ProjectDomain(name=domain.name, tasks=domain.tasks, runs=domain.runs)
            for domain in summary.domains
            if session.covers(record.id, domain.name)
        ),
    )
