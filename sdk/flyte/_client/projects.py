"""Projects: names that somebody wrote down, with what they are for, and those that the log knows.

Runs and tasks need no project to be created first: a record in a bucket is kept for people, and a project
that has tasks or runs is there without one. The project of the configuration is always listed.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from flyte._client.client import Client
from flyte._client.listing import list_projects
from flyte._client.trouble import translated
from flyte._documents import Documented
from flyte._streams import Streamed
from flyte._syncify import Syncified, syncify
from flyte.errors import RuntimeUserError
from flyte_bus.errors import Conflict
from flyte_bus.ports import KeyValue
from flyte_schemas.names import is_name
from flyte_schemas.overview import ProjectSummary
from flyte_schemas.projects import PROJECTS_KEY, ProjectBook, ProjectRecord
from flyte_schemas.streams import SETTINGS_BUCKET


async def _get_project(name: str) -> "Project":
    """The project. Raises RuntimeUserError (`ProjectNotFound`)."""
    for project in await _read_all():
        if project.id == name:
            return project
    raise RuntimeUserError(
        "ProjectNotFound",
        f"there is no project {name!r}: create it with flyte create project --id {name}",
    )


async def _create_project(
    id: str, name: str = "", description: str = "", labels: Mapping[str, str] | None = None
) -> "Project":
    """Write a project down. Raises ValueError for a bad id, RuntimeUserError (`ProjectAlreadyExists`)."""
    if not is_name(id):
        raise ValueError(f"project {id!r} is not allowed: no dots, wildcards or white space, at most 128")
    record = ProjectRecord(id=id, name=name or id, description=description, labels=dict(labels or {}))
    await _change(record, is_new=True)
    return Project(ProjectSummary(record=record, written=True))


async def _update_project(
    id: str,
    name: str | None = None,
    description: str | None = None,
    labels: Mapping[str, str] | None = None,
    state: str | None = None,
) -> "Project":
    """Change what is given. Raises RuntimeUserError (`ProjectNotFound`), ValueError for a bad state."""
    if state not in (None, "active", "archived"):
        raise ValueError(f"state {state!r} is not one of active, archived")
    found = await _get_project(id)
    known = found._record
    record = known.model_copy(
        update={
            "name": known.name if name is None else name,
            "description": known.description if description is None else description,
            "labels": known.labels if labels is None else dict(labels),
            "archived": known.archived if state is None else state == "archived",
        }
    )
    await _change(record, is_new=False)
    return Project(found._summary.model_copy(update={"record": record, "written": True}), found.as_of)


async def _list_projects(
    filters: str | None = None, sort_by: Any = None, archived: bool = False
) -> AsyncGenerator["Project"]:
    """The projects by id; archived ones only when asked for. `filters` is a part of the id or the name."""
    for project in await _read_all():
        if project._record.archived != archived:
            continue
        if not filters or filters in project.id or filters in project.name:
            yield project


class Project(Documented):
    """A project as it was when it was read."""

    def __init__(self, summary: ProjectSummary, as_of: int | None = None) -> None:
        self._summary = summary
        self._as_of = as_of

    @property
    def _record(self) -> ProjectRecord:
        return self._summary.record

    @property
    def as_of(self) -> int | None:
        """Up to where the log of runs had been read; None for one that was written down just now."""
        return self._as_of

    @property
    def domains(self) -> dict[str, dict[str, int]]:
        """How many `tasks` and `runs` there are, by the name of each domain that has any."""
        return {one.name: {"tasks": one.tasks, "runs": one.runs} for one in self._summary.domains}

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def description(self) -> str:
        return self._record.description

    @property
    def labels(self) -> dict[str, str]:
        return dict(self._record.labels)

    @property
    def state(self) -> str:
        return "archived" if self._record.archived else "active"

    async def _archive(self) -> "Project":
        """Take it out of the list; its tasks and runs stay."""
        return await _update_project(self.id, state="archived")

    async def _unarchive(self) -> "Project":
        """Put it back."""
        return await _update_project(self.id, state="active")

    def to_dict(self) -> dict[str, Any]:
        """The project as JSON data."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "labels": self.labels,
            "state": self.state,
            "domains": self.domains,
            "as_of": self.as_of,
        }

    def __repr__(self) -> str:
        return f"<project {self.id}: {self.state}>"

    get = Syncified(_get_project)
    create = Syncified(_create_project)
    update = Syncified(_update_project)
    listall = Streamed(_list_projects)
    archive = syncify(_archive)
    unarchive = syncify(_unarchive)


def _client() -> Client:
    from flyte import _session

    return _session.client()


async def _read_book(bucket: KeyValue) -> tuple[dict[str, ProjectRecord], int]:
    """All projects by id, and the revision that wrote them (0: nobody has)."""
    entry = await bucket.get(PROJECTS_KEY)
    if entry is None or entry.value is None:
        return {}, 0
    return dict(ProjectBook.model_validate_json(entry.value).projects), entry.revision


async def _change(record: ProjectRecord, *, is_new: bool) -> None:
    """Write one record into the book; who was slower than another writer looks again."""
    with translated():
        bucket = (await _client().bus()).bucket(SETTINGS_BUCKET)
        while True:
            book, revision = await _read_book(bucket)
            if is_new and record.id in book:
                raise RuntimeUserError("ProjectAlreadyExists", f"project {record.id!r} exists already")
            value = ProjectBook(projects=book | {record.id: record}).model_dump_json().encode()
            try:
                if revision:
                    await bucket.update(PROJECTS_KEY, value, revision=revision)
                else:
                    await bucket.create(PROJECTS_KEY, value)
                return
            except Conflict:
                continue


async def _read_all() -> list[Project]:
    """All projects by id, that of the configuration among them."""
    answer = await list_projects()
    found = {one.record.id: one for one in answer.projects}
    own = _client().config.project
    mine = ProjectSummary(record=ProjectRecord(id=own, name=own), written=False)
    return [Project(one, answer.as_of_sequence) for _, one in sorted(({own: mine} | found).items())]
