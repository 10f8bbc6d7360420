"""What becomes of a question: its filters must lie within the place that its subject names.

The server's permissions have looked at the subject, and nobody at the body. What is passed on is written anew
from what was understood, so no second meaning comes along: the server takes keys in any case, and of two with
one name the last.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from flyte_schemas.reading import (
    Scope,
    bounds_of,
    is_pattern,
    lies_within,
    parse_last,
    parse_read,
)

INBOXES = "_INBOX."
"""Where answers go: elsewhere nobody waits for them, and whoever listens might believe them."""
MAX_BODY_BYTES = 65_536
MAX_BATCH = 10_000
MAX_FILTERS = 1_024

_TIME = re.compile(
    r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d(\.\d{1,9})?(Z|[+-][0-2]\d:[0-5]\d)", re.ASCII
)
_MAX_NUMBER = 2**63 - 1


class Refused(ValueError):
    """A question that goes nowhere; the message says why."""


@dataclass(frozen=True, slots=True)
class Read:
    """A direct get of many messages of a stream, by its body."""

    stream: str
    body: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The question where a stream ends."""

    stream: str


def judge(subject: str, reply: str, body: bytes) -> Read | End:
    """What a question becomes. Raises Refused."""
    if not reply.startswith(INBOXES):
        raise Refused(f"an answer goes to a subject that begins with {INBOXES}, not to {reply!r}")
    if len(body) > MAX_BODY_BYTES:
        raise Refused(f"the question has {len(body)} bytes, and may have {MAX_BODY_BYTES}")
    if (stream := parse_last(subject)) is not None:
        if body.strip() not in (b"", b"{}"):
            raise Refused("the question for a stream's end has no words of its own: leave its body empty")
        return End(stream)
    if (asked := parse_read(subject)) is None:
        raise Refused(
            f"{subject} is not flyte.read.STREAM.PROJECT.DOMAIN, with .RUN for a stream of runs, nor "
            "flyte.read.last.STREAM"
        )
    stream, scope = asked
    return Read(stream, _confined(stream, scope, _object(body)))


def _object(body: bytes) -> Mapping[str, object]:
    try:
        document = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise Refused(f"the question is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise Refused("the question is not a JSON object")
    return document


def _confined(stream: str, scope: Scope, document: Mapping[str, object]) -> bytes:
    """The question with all its filters, which lie within the scope. Raises Refused."""
    bounds = bounds_of(stream, scope)
    if bounds is None:
        raise Refused(f"{stream} has no parts of {scope}")
    question = {key: _sound(key, value) for key, value in document.items()}
    if "next_by_subj" in question and "multi_last" in question:
        raise Refused("next_by_subj and multi_last do not go together: give one of them")
    if "seq" in question and "start_time" in question:
        raise Refused("seq and start_time do not go together: give one of them")
    if "multi_last" not in question:
        question.setdefault("next_by_subj", bounds)
    for filter_ in _filters(question):
        if not lies_within(filter_, bounds):
            raise Refused(f"the filter {filter_} asks for more than {bounds}, which is what {scope} has")
    return orjson.dumps(question, option=orjson.OPT_SORT_KEYS)


def _filters(question: Mapping[str, object]) -> list[str]:
    found = question.get("multi_last") or [question.get("next_by_subj")]
    return found if isinstance(found, list) else []


def _sound(key: str, value: object) -> object:
    """The value of a key that is known. Raises Refused."""
    match key:
        case "seq" | "max_bytes" | "up_to_seq":
            return _number(key, value, _MAX_NUMBER)
        case "batch":
            return _number(key, value, MAX_BATCH)
        case "start_time" | "up_to_time":
            if isinstance(value, str) and _TIME.fullmatch(value):
                return value
            raise Refused(f"{key} is {value!r}, and is to be a time like 2026-01-31T12:00:00Z")
        case "next_by_subj":
            return _pattern(key, value)
        case "multi_last":
            if not isinstance(value, list) or not 0 < len(value) <= MAX_FILTERS:
                raise Refused(f"multi_last is to be a list of 1 to {MAX_FILTERS} subjects")
            return [_pattern(key, one) for one in value]
        case _:
            raise Refused(
                f"the question has a key {key!r}, and may have seq, batch, max_bytes, start_time, up_to_seq, "
                "up_to_time, next_by_subj, multi_last"
            )


def _number(key: str, value: object, most: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most:
        return value
    raise Refused(f"{key} is {value!r}, and is to be a whole number from 1 to {most}")


def _pattern(key: str, value: object) -> str:
    if isinstance(value, str) and is_pattern(value):
        return value
    raise Refused(f"{key} names {value!r}, which is no subject")
