"""The projects that there are: those that somebody wrote down, and those that the log has something of."""

from collections.abc import Iterator, Mapping

from flyte_schemas.names import is_name
from flyte_schemas.overview import DomainSummary, ProjectSummary
from flyte_schemas.projects import ProjectBook, ProjectRecord

CountsByPlace = Mapping[tuple[str, str], int]
"""A number for each project and domain."""


def overview(book: ProjectBook, tasks: CountsByPlace, runs: CountsByPlace) -> Iterator[ProjectSummary]:
    """All projects by id, with what the log has of them. What is no name has no place in an answer."""
    places = {place for place in (*tasks, *runs) if all(map(is_name, place))}
    for project in sorted({*book.projects, *(project for project, _ in places)}):
        yield _summary(book, project, [place for place in sorted(places) if place[0] == project], tasks, runs)


def at_place(
    book: ProjectBook, tasks: CountsByPlace, runs: CountsByPlace, place: tuple[str, str]
) -> ProjectSummary:
    """What is known of one project, and of its domains of this one, if the log has anything of it."""
    there = [place] if place in tasks or place in runs else []
    return _summary(book, place[0], there, tasks, runs)


def _summary(
    book: ProjectBook,
    project: str,
    places: list[tuple[str, str]],
    tasks: CountsByPlace,
    runs: CountsByPlace,
) -> ProjectSummary:
    written = book.projects.get(project)
    return ProjectSummary(
        record=written or ProjectRecord(id=project, name=project),
        written=written is not None,
        domains=tuple(
            DomainSummary(name=place[1], tasks=tasks.get(place, 0), runs=runs.get(place, 0))
            for place in places
        ),
    )
