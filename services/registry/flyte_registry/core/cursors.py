"""Cursors: where a page of a listing ended, as a text that only the same question is answered with.

A cursor names the last row by what the listing is sorted by, never by its number in the list: rows that come
meanwhile move no page.
"""

import base64
import binascii
import hashlib

import orjson

from flyte_schemas.endpoints import ListRuns, ListTasks

Place = tuple[int, ...]
"""The values of the last row that the listing is sorted by."""

_ASIDE = {"cursor", "limit", "counts", "at_least_sequence"}
"""What may differ from page to page."""


class WrongCursor(ValueError):
    """A cursor that this question was never answered with; the message is for whoever asked."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"the cursor {cursor[:80]!r} is not of this question: leave it out to begin anew")


def cursor_of(question: ListRuns | ListTasks, place: Place) -> str:
    """The cursor behind the row at this place."""
    raw = orjson.dumps([_digest(question), *place])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def place_of(question: ListRuns | ListTasks, size: int) -> Place | None:
    """The place (of so many values) behind which the question goes on; None: from the beginning.

    Raises WrongCursor.
    """
    cursor = question.cursor
    if not cursor:
        return None
    try:
        digest, *place = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error):
        raise WrongCursor(cursor) from None
    if digest != _digest(question) or len(place) != size or not all(map(_is_number, place)):
        raise WrongCursor(cursor)
    return tuple(place)


def _is_number(part: object) -> bool:
    """Whether it is a number that SQLite has room for."""
    return type(part) is int and -(2**63) <= part < 2**63


def _digest(question: ListRuns | ListTasks) -> str:
    asked = question.model_dump_json(exclude=_ASIDE, exclude_defaults=True)
    return hashlib.sha256(f"{type(question).__name__} {asked}".encode()).hexdigest()[:12]
