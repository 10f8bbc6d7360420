"""The projects that there are: those that somebody wrote down, and those that the log has something of."""

from collections.abc import Iterator, Mapping

from flyte_schemas.names import is_name
from flyte_schemas.overview import DomainSummary, ProjectSummary
from flyte_schemas.projects import ProjectBook, ProjectRecord
from flyte_schemas.reading import ANY

CountsByPlace = Mapping[tuple[str, str], int]
"""A number for each project and domain."""


def overview(
    book: ProjectBook, tasks: CountsByPlace, runs: CountsByPlace, *, project: str = ANY, domain: str = ANY
) -> Iterator[ProjectSummary]:
    """All projects by id (or this one, known or not), with what the log has of them, or of this domain.

    What is no name has no place in an answer.
    """
    places = {place for place in (*tasks, *runs) if all(map(is_name, place)) and domain in (ANY, place[1])}
    known = {*book.projects, *(project for project, _ in places)}
    for name in sorted(known if project == ANY else {project}):
        written = book.projects.get(name)
        yield ProjectSummary(
            record=written or ProjectRecord(id=name, name=name),
            written=written is not None,
            domains=tuple(
                DomainSummary(name=place[1], tasks=tasks.get(place, 0), runs=runs.get(place, 0))
                for place in sorted(places)
                if place[0] == name
            ),
        )
