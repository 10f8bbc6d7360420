"""Projects, as the settings keep them: all in one value, so that one read lists them."""

from flyte_schemas.words import Name, Word

PROJECTS_KEY = "projects"
"""Their key in the bucket of settings."""


class ProjectRecord(Word):
    """A project that somebody wrote down."""

    id: Name
    name: str
    description: str = ""
    labels: dict[str, str] = {}
    archived: bool = False


class ProjectBook(Word):
    """All projects by id."""

    projects: dict[str, ProjectRecord] = {}
