"""What can run: tasks and their versions; and the projects that have any."""

from flyte_console.answers.parts import Answer, Moment
from flyte_schemas.task import TaskTemplate


class TaskRow(Answer):
    """One version of a task, in a line."""

    name: str
    version: str
    deployed_at: Moment
    description: str = ""
    entrypoint: bool = False


class Tasks(Answer):
    """A page of tasks, each by its newest version. `as_of` is a place in the log of tasks."""

    tasks: tuple[TaskRow, ...]
    next: str | None
    as_of: int


class TaskVersions(Answer):
    """A page of the versions of one task, newest first. `as_of` is a place in the log of tasks."""

    name: str
    versions: tuple[TaskRow, ...]
    next: str | None
    as_of: int


class TaskFacts(Answer):
    """One version of a task, in full."""

    name: str
    version: str
    deployed_at: Moment
    template: TaskTemplate


class TaskFactsAnswer(Answer):
    """`as_of` is a place in the log of tasks."""

    task: TaskFacts
    as_of: int


class ProjectDomain(Answer):
    """A domain in which the log has something of the project, and how much."""

    name: str
    tasks: int
    runs: int


class Project(Answer):
    """A project that somebody wrote down, or that the log has runs or tasks of."""

    id: str
    name: str
    description: str
    labels: dict[str, str]
    archived: bool
    domains: tuple[ProjectDomain, ...]


class Projects(Answer):
    """All projects."""

    projects: tuple[Project, ...]
    as_of: int
