"""Questions for the registry about all that it knows: the projects, and how far it has read."""

from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt

from flyte_schemas.endpoints import PLACE, Endpoint
from flyte_schemas.projects import ProjectRecord
from flyte_schemas.words import Name, Word


class ListProjects(Word):
    """All projects that somebody wrote down, or that the log has tasks or runs of, by id."""


class DomainSummary(Word):
    """How many tasks (not versions) and runs the log has in one domain."""

    name: str
    tasks: NonNegativeInt = 0
    runs: NonNegativeInt = 0


class ProjectSummary(Word):
    """One project; `written` when it stands in the book of projects, and `record` as it stands there.

    A project that nobody wrote down has the record of its id.
    """

    record: ProjectRecord
    written: bool
    domains: tuple[DomainSummary, ...] = ()


class ProjectList(Word):
    """`as_of_sequence` is a place in RUNS, `tasks_as_of_sequence` one in TASKS."""

    projects: tuple[ProjectSummary, ...]
    as_of_sequence: NonNegativeInt
    tasks_as_of_sequence: NonNegativeInt


class GetProject(Word):
    """One project, and of its domains this one (`*`: all there are); who may see no more asks so.

    The answer has a project that is named even when nobody wrote it down and the log has nothing of it.
    """

    project: Name | Literal["*"]
    domain: Name | Literal["*"]


class GetProgress(Word):
    """How far has the registry read? This is answered at once, however far that is."""


class StreamProgress(Word):
    """`as_of` of `end` were read; `per_s` events a second of late, 0 when nothing is behind or moves."""

    stream: str
    as_of: NonNegativeInt
    end: NonNegativeInt
    per_s: NonNegativeFloat = 0.0
    eta_s: NonNegativeFloat | None = None
    """When it will be there at that rate; None: nobody can tell."""


class Progress(Word):
    streams: tuple[StreamProgress, ...]


LIST_PROJECTS = Endpoint("flyte.svc.registry.list-projects", ListProjects, ProjectList)
GET_PROJECT = Endpoint("flyte.svc.registry.get-project", GetProject, ProjectList, PLACE)
GET_PROGRESS = Endpoint("flyte.svc.registry.get-progress", GetProgress, Progress)
