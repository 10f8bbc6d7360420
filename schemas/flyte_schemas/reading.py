"""Where a reader asks who may see a part of the log only, and which subjects lie within that part.

A batched read names what it wants in its body, where the server's permissions do not look. So those who are
bound to a place ask the guard, on a subject that names the place, and the guard compares the body with it.
"""

from typing import NamedTuple

from flyte_schemas.names import is_name
from flyte_schemas.streams import LOGS, NOTICES, REQUESTS, RUNS, SEALS, STREAMS, TASKS, TRIGGERS

READ_PREFIX = "flyte.read."
LAST_PREFIX = "flyte.read.last."
REFUSED_HEADER = "Flyte-Refused"
"""The header in which the guard says why it passes a question on to nobody."""

ANY = "*"

_PREFIXES = {
    RUNS.name: "flyte.run",
    LOGS.name: "flyte.log",
    TASKS.name: "flyte.task",
    TRIGGERS.name: "flyte.trigger",
    NOTICES.name: "flyte.notice",
    REQUESTS.name: "flyte.req",
    SEALS.name: "flyte.seal",
}
_OF_RUNS = frozenset(stream.name for stream in (RUNS, LOGS, NOTICES))
_NAMES = frozenset(stream.name for stream in STREAMS)


class Scope(NamedTuple):
    """A part of the log: a project and domain (`*`: any), or one run of them."""

    project: str
    domain: str
    run: str | None = None

    def __str__(self) -> str:
        return "/".join(filter(None, self))

    def is_sound(self) -> bool:
        """Whether each part is a name, or (but for the run) stands for any."""
        places = all(part == ANY or is_name(part) for part in self[:2])
        return places and (self.run is None or is_name(self.run))


def bounds_of(stream: str, scope: Scope) -> str | None:
    """Matches all that a stream can have of a scope; None where the stream has no such parts."""
    prefix = _PREFIXES.get(stream)
    if prefix is None or (scope.run is not None and stream not in _OF_RUNS):
        return None
    return ".".join((prefix, *filter(None, scope), ">"))


def pattern_of(stream: str, scope: Scope) -> str | None:
    """The same, with as many tokens as its subjects have: so much one may listen to."""
    bounds = bounds_of(stream, scope)
    if (
        bounds is None or stream == REQUESTS.name
    ):  # whose subjects have one token more since they say who asks
        return bounds
    if stream == SEALS.name:
        return bounds.removesuffix(">") + "*"
    return bounds.removesuffix(">") + ("*.*" if scope.run is None else "*")


def scope_in(stream: str, scope: Scope) -> Scope:
    """The scope as far as a stream tells runs apart."""
    return scope if stream in _OF_RUNS else scope._replace(run=None)


def read_subject(stream: str, scope: Scope) -> str:
    """Where the guard is asked for messages of a scope."""
    return ".".join((f"{READ_PREFIX}{stream}", *filter(None, scope)))


def last_subject(stream: str) -> str:
    """Where the guard is asked for the last sequence of a stream."""
    return LAST_PREFIX + stream


def parse_read(subject: str) -> tuple[str, Scope] | None:
    """Stream and scope of `flyte.read.{STREAM}.{project}.{domain}[.{run}]`; None for anything else."""
    match subject.split("."):
        case ["flyte", "read", stream, project, domain]:
            scope = Scope(project, domain)
        case ["flyte", "read", stream, project, domain, run]:
            scope = Scope(project, domain, run)
        case _:
            return None
    is_known = scope.is_sound() and bounds_of(stream, scope) is not None
    return (stream, scope) if is_known else None


def parse_last(subject: str) -> str | None:
    """The stream of `flyte.read.last.{STREAM}`; None for anything else."""
    stream = subject.removeprefix(LAST_PREFIX)
    return stream if subject.startswith(LAST_PREFIX) and stream in _NAMES else None


def is_pattern(text: str) -> bool:
    """Whether a text is a subject, with or without wildcards, as the server understands them."""
    *before, last = text.split(".")
    return all(token == ANY or is_name(token) for token in before) and (last in (ANY, ">") or is_name(last))


def lies_within(inner: str, outer: str) -> bool:
    """Whether each subject that the pattern `inner` matches is one that `outer` matches."""
    inside = inner.split(".")
    for place, around in enumerate(outer.split(".")):
        if around == ">":
            return len(inside) > place
        if place >= len(inside) or inside[place] == ">":
            return False
        if around not in (ANY, inside[place]):
            return False
    return len(inside) == len(outer.split("."))


def common_part(first: str, second: str) -> str | None:
    """Matches what both patterns match; None when that is nothing."""
    one, other = first.split("."), second.split(".")
    found: list[str] = []
    for place in range(max(len(one), len(other))):
        if one[place : place + 1] == [">"] and len(other) > place:
            return ".".join((*found, *other[place:]))
        if other[place : place + 1] == [">"] and len(one) > place:
            return ".".join((*found, *one[place:]))
        if place >= min(len(one), len(other)) or not (
            one[place] == other[place] or ANY in (one[place], other[place])
        ):
            return None
        found.append(other[place] if one[place] == ANY else one[place])
    return ".".join(found)
