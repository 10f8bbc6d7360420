"""Text from a command line to a value of a Python type.

A scalar is written as it is, everything with parts as JSON (or as the path of a .json or .yaml file). Of a
union the members that are not text are tried first: `3` is a number before it is a string.
"""

import datetime
import enum
import json
import re
import types
import typing
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flyte._runtime.convert import sentence
from flyte._runtime.interface import annotation_text

_TRUE, _FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")
_SCALARS = (int, float, str, datetime.date)
_CLOCK = re.compile(r"^(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$")
_WORDS = re.compile(r"^(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?$")
_FILES = (".json", ".yaml", ".yml")


class BadText(ValueError):
    """The text does not stand for a value of the type; the message says why."""


def parse(annotation: Any, text: str) -> Any:
    """The value of type `annotation` that `text` stands for. Raises BadText."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _checked(annotation, parse(typing.get_args(annotation)[0], text))
    if origin in (typing.Union, types.UnionType):
        return _union(annotation, text)
    if origin is typing.Literal:
        return _literal(annotation, text)
    if annotation is Any:
        return _json_or_text(text)
    if annotation is bool:
        return parse_bool(text)
    if isinstance(annotation, type):
        return _plain(annotation, text)
    return _structured(annotation, text)


def parse_bool(text: str) -> bool:
    """Raises BadText."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadText("expected true or false")


def is_optional(annotation: Any) -> bool:
    """Whether None is one of the values."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return type(None) in typing.get_args(annotation)
    return annotation is None or annotation is type(None)


def load_document(text: str) -> Any:
    """JSON data that is written in `text`, or in the file that it names. Raises BadText."""
    path = Path(text)
    if path.suffix in _FILES and "\n" not in text:
        return _load_file(path)
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadText(f"expected JSON ({error}), or the path of a {', '.join(_FILES)} file") from error


def parse_time(text: str, now: datetime.datetime) -> str:
    """A point in time as ISO 8601; without a zone it is UTC. `now` and `today` are understood."""
    match text.strip().lower():
        case "now":
            return now.isoformat()
        case "today":
            return now.replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
        case _:
            return text


def _plain(kind: type, text: str) -> Any:
    if issubclass(kind, enum.Enum):
        return _enum(kind, text)
    if issubclass(kind, datetime.datetime):
        moment = _adapted(kind, parse_time(text, datetime.datetime.now(datetime.UTC)))
        return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    if issubclass(kind, datetime.timedelta):
        return _duration(text)
    if issubclass(kind, _SCALARS) or not _has_parts(kind):
        return _adapted(kind, text)
    return _structured(kind, text)


def _enum(kind: type[enum.Enum], text: str) -> Any:
    if text in kind.__members__:
        return kind[text]
    for member in kind:
        if str(member.value) == text:
            return member
    raise BadText(f"expected one of {', '.join(kind.__members__)}")


def _literal(annotation: Any, text: str) -> Any:
    values = typing.get_args(annotation)
    for value in values:
        if text == (value if isinstance(value, str) else json.dumps(value)):
            return value
    for value in values:
        if isinstance(value, str) and value.upper() == text:
            return value
    raise BadText(f"expected one of {', '.join(str(value) for value in values)}")


def _union(annotation: Any, text: str) -> Any:
    members = [member for member in typing.get_args(annotation) if member is not type(None)]
    complaints = []
    for member in sorted(members, key=lambda item: item is str):
        try:
            return parse(member, text)
        except BadText as error:
            complaints.append(str(error))
    raise BadText("; ".join(dict.fromkeys(complaints)))


def _duration(text: str) -> datetime.timedelta:
    if found := _WORDS.match(text.strip()):
        return datetime.timedelta(**{f"{found[2]}s": float(found[1])})
    if found := _CLOCK.match(text.strip()):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    try:
        return datetime.timedelta(seconds=float(text))
    except ValueError:
        return typing.cast(datetime.timedelta, _adapted(datetime.timedelta, text))


def _structured(annotation: Any, text: str) -> Any:
    document = load_document(text)
    try:
        return TypeAdapter(annotation).validate_json(json.dumps(document))
    except ValidationError as error:
        raise BadText(sentence(error)) from error


def _adapted(kind: Any, text: str) -> Any:
    try:
        return TypeAdapter(kind).validate_strings(text)
    except ValidationError as error:
        raise BadText(sentence(error)) from error


def _checked(annotation: Any, value: Any) -> Any:
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        raise BadText(sentence(error)) from error


def _has_parts(kind: type) -> bool:
    """Whether JSON of this type is an object or an array."""
    try:
        schema = TypeAdapter(kind).json_schema()
    except Exception:
        return True
    return "$ref" in schema or schema.get("type") in ("object", "array")


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _load_file(path: Path) -> Any:
    try:
        content = path.read_text()
    except OSError as error:
        raise BadText(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        if path.suffix == ".json":
            return json.loads(content)
        import yaml

        return yaml.safe_load(content)
    except ValueError as error:
        raise BadText(f"{path} is not JSON: {error}") from error
    except Exception as error:
        raise BadText(f"{path} is not YAML: {error}") from error


def shown_default(value: Any) -> str:
    """A default for the help, as a user would type it."""
    match value:
        case enum.Enum():
            return value.name
        case str():
            return json.dumps(str(value), ensure_ascii=False)
        case bool() | None:
            return str(value).lower()
        case _:
            return repr(value)


def expected(annotation: Any) -> str:
    """A type for an error message, with the choices when it has some."""
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return f"{annotation.__name__} ({', '.join(annotation.__members__)})"
    return annotation_text(annotation)
