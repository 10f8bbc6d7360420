"""Where a reader asks for messages: the server itself or, for who may see parts only, the guard."""

from typing import NamedTuple

from flyte_bus.access import Access, refusal
from flyte_bus.errors import NotAllowed
from flyte_schemas.reading import (
    ANY,
    Scope,
    common_part,
    lies_within,
    pattern_of,
    read_subject,
    scope_in,
)
from flyte_schemas.streams import StreamSpec


class Part(NamedTuple):
    """Messages on `wanted`, which are asked for at `at`; there, one may ask for all on `around` too."""

    at: str
    wanted: str
    around: str

    @property
    def is_direct(self) -> bool:
        """Whether the server itself is asked, and not the guard."""
        return self.at.startswith("$JS.")


def parts_of(access: Access | None, stream: StreamSpec, subject: str) -> tuple[Part, ...]:
    """What to ask for to have the messages on `subject` that one may see; no message is in two parts.

    Raises NotAllowed when one may see none of them.
    """
    if access is None or not access.is_guarded:
        around = stream.subjects[0] if len(stream.subjects) == 1 else subject
        return (Part(f"$JS.API.DIRECT.GET.{stream.name}", subject, around),)
    found: dict[str, Part] = {}
    for scope in {scope_in(stream.name, scope): None for scope in access.scopes}:
        pattern = pattern_of(stream.name, scope)
        wanted = None if pattern is None else common_part(subject, pattern)
        if pattern is None or wanted is None or wanted in found:
            continue
        _, _, project, domain, *_ = wanted.split(".")
        narrow = Scope(project, domain, scope.run)
        around = common_part(pattern, pattern_of(stream.name, narrow) or pattern) or pattern
        found[wanted] = Part(read_subject(stream.name, narrow), wanted, around)
    parts = tuple(
        part
        for part in found.values()
        if not any(part is not other and lies_within(part.wanted, other.wanted) for other in found.values())
    )
    if not parts:
        raise NotAllowed(*refusal(access, _asked_at(stream, subject)))
    return parts


def _asked_at(stream: StreamSpec, subject: str) -> str:
    """Where the guard would be asked for a subject."""
    place = (*subject.split(".")[2:4], ANY, ANY)
    return read_subject(stream.name, Scope(*(ANY if token == ">" else token for token in place[:2])))
