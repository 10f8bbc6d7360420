"""What several answers are made of, and the answer that says why there is none."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

Moment = Annotated[
    datetime,
    PlainSerializer(lambda time: iso(time), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


def iso(time: datetime) -> str:
    """A time as the console writes it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Answer(BaseModel):
    """A part of an answer; its validator is built when it is first needed, not at the start."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Problem(Answer):
    """Why there is no answer: a stable code, what is wrong, and what to do."""

    code: str
    message: str
    hint: str = ""


class About(Answer):
    """What answers here, and what the page shows first. `nats`: whether the bus answers."""

    service: str
    version: str
    nats: Literal["connected", "away"]
    default_project: str
    default_domain: str
    as_of: int


class SeenPlace(Answer):
    """A project and a domain of it; `~` for all of them."""

    project: str
    domain: str


class Visitor(Answer):
    """Who is signed in, what they may look at, and until when."""

    user: str
    places: tuple[SeenPlace, ...]
    ends_at: Moment


class Entered(Visitor):
    """Who has just signed in.

    The cookie goes with what is asked at `/api/at/PATH/…` in place of `/api/…`; without a `path`, anywhere.
    """

    path: str


class Code(Answer):
    """What `flyte console` gives, to sign in with."""

    code: str


class Position(Answer):
    """In a stream: nothing but the position."""

    as_of: int


class FailureLine(Answer):
    """Why something failed, in a line."""

    code: str
    message: str


class InlineValue(Answer):
    """A value that is small; large parts of it are places, `{"$payload": …}`."""

    kind: Literal["inline"] = "inline"
    value: Any


class ReferencedValue(Answer):
    """A value that lies in the artifact store; `href` gives it. Large bytes and pickles are no JSON there."""

    kind: Literal["reference"] = "reference"
    uri: str
    size_bytes: int
    href: str
    is_json: bool


Values = dict[str, InlineValue | ReferencedValue]
"""Inputs or outputs, by name."""
