"""Limits of projects: how much of what all share one project may take in one domain.

A limit is said for one domain of a project, for a project, or for all; the narrowest that says something
counts. It holds for each domain by itself: what two domains of a project use is not added up. Where nobody
says anything there is no limit: projects take turns all the same.
"""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import Field

from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.names import is_name
from flyte_schemas.words import Word

LIMITS_KEY = "limits"
"""Their key in the bucket of settings."""
ALL = "*"
"""Whose limits hold where nothing narrower is said."""

NO_LIMIT = 0
"""Says that there is no limit, whatever a wider one says."""

Amount = Annotated[int, Field(ge=NO_LIMIT)]
Rate = Annotated[float, Field(ge=NO_LIMIT, allow_inf_nan=False)]


class Place(NamedTuple):
    """One domain of a project: what limits hold for, and what takes turns."""

    project: str
    domain: str

    def __str__(self) -> str:
        return f"{self.project}/{self.domain}"

    @property
    def key(self) -> str:
        """Under what it is kept: no name has a dot in it."""
        return f"{self.project}.{self.domain}"


class Limits(Word):
    """None: a wider one says it; 0: no limit. A day is one of UTC.

    `requests_per_s`: deploy, run and trigger requests. `live_actions`: actions with an attempt under way,
    those that wait for their children not counted. `event_bytes_…`: what the log of runs takes.
    `log_bytes_…`: what tasks print. `artifact_bytes`: objects that are kept.
    """

    requests_per_s: Rate | None = None
    live_actions: Amount | None = None
    event_bytes_per_run: Amount | None = None
    event_bytes_per_day: Amount | None = None
    log_bytes_per_run: Amount | None = None
    log_bytes_per_day: Amount | None = None
    artifact_bytes: Amount | None = None

    def over(self, wider: "Limits") -> "Limits":
        """These, and the wider ones where these say nothing."""
        said = self.model_dump(exclude_none=True)
        return wider.model_copy(update=said) if said else wider

    def allows(self, what: str) -> float | None:
        """How much of `what` is allowed; None when there is no limit."""
        return getattr(self, what) or None


NO_LIMITS = Limits()
WHAT = tuple(Limits.model_fields)
"""The names of all limits."""


class LimitBook(Word):
    """All limits that somebody has set, by whose they are: `*`, `PROJECT` or `PROJECT.DOMAIN`."""

    limits: dict[str, Limits] = {}

    def of(self, place: Place) -> Limits:
        """What holds for a place."""
        found = NO_LIMITS
        for whose in (ALL, place.project, place.key):
            if (said := self.limits.get(whose)) is not None:
                found = said.over(found)
        return found

    def limit_anybody(self, what: str) -> bool:
        """Whether there is a limit of `what` for any place at all."""
        return any(said.allows(what) is not None for said in self.limits.values())

    def whose(self, place: Place, what: str) -> str:
        """Who says a limit that holds for a place: `*`, the project, or the place itself; empty: nobody."""
        for whose in (place.key, place.project, ALL):
            if (said := self.limits.get(whose)) is not None and getattr(said, what) is not None:
                return whose
        return ""

    def changed(self, whose: str, said: Mapping[str, float | None]) -> "LimitBook":
        """The book, in which these are said of somebody (None: nothing is); of others nothing changes."""
        known = self.limits.get(whose, NO_LIMITS)
        limits = Limits.model_validate(known.model_dump() | dict(said))
        rest = {one: theirs for one, theirs in self.limits.items() if one != whose}
        return LimitBook(limits=rest if limits == NO_LIMITS else rest | {whose: limits})


def whose_limits(project: str, domain: str | None) -> str:
    """Where in the book the limits of a project, or of one of its domains, stand. Raises ValueError."""
    for what, name in (("project", project), ("domain", domain)):
        if name is not None and not is_name(name):
            raise ValueError(f"{what} {name!r} is no name: no dots, wildcards or white space, at most 128")
    return project if domain is None else Place(project, domain).key


REQUESTS_EXCEEDED = "RequestLimitExceeded"
"""Of a request that a project makes while too many of its requests wait for their turn already."""
EVENTS_EXCEEDED = "EventLimitExceeded"
"""Of a run that has written too much into the log, or of a new one when its project has."""
LOGS_EXCEEDED = "LogLimitExceeded"
"""Of a run whose tasks have printed too much, or of a new one when its project's have."""
ARTIFACTS_EXCEEDED = "ArtifactLimitExceeded"
"""Of an upload for which its project has no room left."""


def refused(place: Place, per_s: float, waiting: int) -> Failure:
    """Of a request beyond those that may wait."""
    return _exceeded(
        REQUESTS_EXCEEDED,
        f"{place} may make {per_s:g} requests a second, and {waiting:,} of its requests wait already",
        "ask again later, ask for less at a time, or have the limit raised: "
        + _command(place, "requests_per_s"),
    )


_OF_BYTES = {
    "event_bytes_per_run": "the run has written {use:,} bytes of events, and may write",
    "log_bytes_per_run": "the run has printed {use:,} bytes, and may print",
    "event_bytes_per_day": "runs of {place} wrote {use:,} bytes of events today, of",
    "log_bytes_per_day": "runs of {place} printed {use:,} bytes today, of",
}


def too_many_bytes(what: str, place: Place, use: int, limit: int) -> Failure:
    """Of a run that is over a limit of bytes, or may not begin; `what` is the name of that limit."""
    message = f"{_OF_BYTES[what].format(use=use, place=place)} {limit:,}"
    wait = "wait for the next day of UTC" if what.endswith("day") else "let it say less"
    hint = f"{wait}, or have the limit raised: {_command(place, what)}"
    if what.startswith("event"):
        return _exceeded(EVENTS_EXCEEDED, message, hint)
    return _exceeded(LOGS_EXCEEDED, message, hint)


def no_room(place: Place, size: int, use: int, limit: int) -> Failure:
    """Of an object that does not fit any more."""
    return _exceeded(
        ARTIFACTS_EXCEEDED,
        f"{place} keeps {use:,} bytes of artifacts of at most {limit:,}: there is no room for {size:,} more",
        "remove what nobody needs with `flyte gc`, or have the limit raised: "
        + _command(place, "artifact_bytes"),
    )


def _command(place: Place, what: str) -> str:
    """What raises a limit."""
    name = what.replace("_", "-")
    return f"flyte update project {place.project} --domain {place.domain} --limit {name}=N"


def _exceeded(code: str, message: str, hint: str) -> Failure:
    return Failure(code=code, kind=FailureKind.USER, message=message, hint=hint, recoverable=False)


LIMIT_CODES = (
    (
        REQUESTS_EXCEEDED,
        "the project asks for more than its limit lets through, and too much of it waits already",
        "ask for less at a time, or have the limit raised (docs/limits.md)",
    ),
    (
        EVENTS_EXCEEDED,
        "the run, or its project today, has written more into the log of runs than it may",
        "call larger children and fewer steps, or have the limit raised (docs/limits.md)",
    ),
    (
        LOGS_EXCEEDED,
        "the tasks of the run, or of its project today, have printed more than they may",
        "print less, or have the limit raised (docs/limits.md)",
    ),
    (
        ARTIFACTS_EXCEEDED,
        "the project keeps as many bytes of artifacts as it may",
        "remove what nobody needs with `flyte gc`, or have the limit raised (docs/limits.md)",
    ),
)
"""Codes, what they mean, and what to do, for `flyte_schemas.failure_codes`."""
