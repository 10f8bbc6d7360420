"""Runs, tasks and projects as the registry lists them, page by page."""

from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from flyte import _session
from flyte._client.filters import RunFilter
from flyte._client.trouble import reminding, say_on_stderr, translated
from flyte._limits import PATIENCE_S
from flyte_schemas.endpoints import (
    LIST_RUNS,
    LIST_TASKS,
    ListRuns,
    ListTasks,
    RunList,
    RunSummary,
    TaskList,
    TaskSummary,
)
from flyte_schemas.overview import (
    GET_PROJECT,
    LIST_PROJECTS,
    GetProject,
    ListProjects,
    ProjectList,
    ProjectSummary,
)
from flyte_schemas.streams import RUNS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """One thing of a listing; `as_of` is the place in the log up to which the listing has read all."""

    found: T
    as_of: int


async def run_pages(question: ListRuns) -> AsyncGenerator[RunList]:
    """What the registry lists, as of all that the log holds now: as many pages as it takes.

    Raises RuntimeSystemError when the registry does not answer.
    """
    with translated():
        bus = await _session.client().bus()
        left = question.limit
        question = question.model_copy(update={"at_least_sequence": await bus.log.last_sequence(RUNS)})
        while True:
            page = await _answered(bus.ask(LIST_RUNS, question, timeout_s=PATIENCE_S))
            yield page
            left -= len(page.runs)
            if not page.next or left <= 0:
                return
            changes = {"cursor": page.next, "limit": left, "counts": False}
            question = question.model_copy(update=changes)


async def task_pages(question: ListTasks) -> AsyncGenerator[TaskList]:
    """The same for tasks."""
    with translated():
        bus = await _session.client().bus()
        left = question.limit
        while True:
            page = await _answered(bus.ask(LIST_TASKS, question, timeout_s=PATIENCE_S))
            yield page
            left -= len(page.tasks)
            if not page.next or left <= 0:
                return
            question = question.model_copy(update={"cursor": page.next, "limit": left})


def asked_runs(
    project: str,
    domain: str,
    *,
    name: str | None = None,
    limit: int = 100,
    wanted: RunFilter | None = None,
    counts: bool = False,
) -> ListRuns:
    """The question for the newest runs (or for that of this name) that meet what is wanted."""
    wanted = wanted or RunFilter()
    after, before = wanted.created_at.bounds
    updated_after, updated_before = wanted.updated_at.bounds
    return ListRuns(
        project=project,
        domain=domain,
        name=name,
        limit=limit,
        in_phase=wanted.in_phase,
        task_name=wanted.task_name,
        task_version=wanted.task_version,
        requested_by=wanted.requested_by,
        requested_after=after,
        requested_before=before,
        updated_after=updated_after,
        updated_before=updated_before,
        labels=wanted.labels,
        label_keys=wanted.label_keys,
        paused_only=wanted.paused_only,
        search=wanted.search,
        sort_by=wanted.order.by,
        ascending=wanted.order.ascending,
        counts=counts,
    )


async def count_runs(question: ListRuns) -> RunList:
    """The one answer to a question for counts: `run_pages` with no runs on the page."""
    async with aclosing(run_pages(question)) as pages:
        return await anext(pages)


async def list_runs(question: ListRuns) -> list[Listed[RunSummary]]:
    """All the runs that `run_pages` gives."""
    return [Listed(run, page.as_of_sequence) async for page in run_pages(question) for run in page.runs]


async def list_tasks(question: ListTasks) -> list[Listed[TaskSummary]]:
    """All the tasks that `task_pages` gives."""
    return [Listed(task, page.as_of_sequence) async for page in task_pages(question) for task in page.tasks]


async def list_projects() -> ProjectList:
    """All projects that somebody wrote down, or that the log has something of; of those one may see.

    Who sees some places only is told of these, one question each.
    """
    with translated():
        bus = await _session.client().bus()
        access = bus.access
        if access is None or not access.is_guarded:
            return await _answered(bus.ask(LIST_PROJECTS, ListProjects(), timeout_s=PATIENCE_S))
        asked = (GetProject(project=project, domain=domain) for project, domain in access.places)
        answers = [await _answered(bus.ask(GET_PROJECT, one, timeout_s=PATIENCE_S)) for one in asked]
    return _together(answers)


def _together(answers: Sequence[ProjectList]) -> ProjectList:
    """Answers about a place each, as one; it is as old as the oldest of them."""
    found: dict[str, ProjectSummary] = {}
    for summary in (project for answer in answers for project in answer.projects):
        known = found.get(summary.record.id)
        domains = {one.name: one for one in (*(known.domains if known else ()), *summary.domains)}
        found[summary.record.id] = summary.model_copy(
            update={"domains": tuple(domains[name] for name in sorted(domains))}
        )
    return ProjectList(
        projects=tuple(found[id] for id in sorted(found)),
        as_of_sequence=min((answer.as_of_sequence for answer in answers), default=0),
        tasks_as_of_sequence=min((answer.tasks_as_of_sequence for answer in answers), default=0),
    )


async def _answered(asked: Awaitable[T]) -> T:
    return await reminding(asked, say_on_stderr, "waiting for the registry to answer")
