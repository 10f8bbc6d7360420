"""Text from a command line to a value of a Python type.

A scalar is written as it is, everything with parts as JSON (or as the path of a .json or .yaml file), a
table, file or folder as its path. Of a union what is not text is tried first: `3` is a number before it is a
string; and text before what is written as JSON.
"""

import datetime
import enum
import importlib
import json
import re
import types
import typing
from pathlib import Path
from typing import Any

from flyte._cli.times import BadText, parse_duration, parse_moment
from flyte._runtime.codecs import Unfit, annotation_text, codec_of
from flyte._runtime.codecs.codec import ARRAY, OBJECT
from flyte._runtime.codecs.pickles import AnyCodec, PickleCodec
from flyte._runtime.codecs.tables import is_table, read_table_file

_TRUE, _FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")
_FILES = (".json", ".yaml", ".yml")
_REFERENCE = re.compile(r"^([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)$")
_BARE = (list, dict, tuple, set, frozenset)


def parse(annotation: Any, text: str) -> Any:
    """The value of type `annotation` that `text` stands for. Raises BadText."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _checked(annotation, parse(typing.get_args(annotation)[0], text))
    if hasattr(annotation, "__supertype__"):
        return parse(annotation.__supertype__, text)
    if origin in (typing.Union, types.UnionType):
        return _union(annotation, text)
    if origin is typing.Literal:
        return _literal(annotation, text)
    if isinstance(annotation, type) and origin is None:
        return _plain(annotation, text)
    codec = codec_of(annotation)
    if isinstance(codec, PickleCodec):
        return load_reference(text)
    if isinstance(codec, AnyCodec) and codec.python_type is None:
        return any_value(text)
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
    if typing.get_origin(annotation) is typing.Annotated:
        return is_optional(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return type(None) in typing.get_args(annotation)
    return annotation is None or annotation is type(None)


def load_document(text: str) -> Any:
    """JSON data that is written in `text`, or in the file that it names. Raises BadText."""
    path = Path(text)
    if path.suffix in _FILES and "\n" not in text and text[:1] not in "[{":
        return _load_file(path)
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadText(f"expected JSON ({error}), or the path of a {', '.join(_FILES)} file") from error


def load_reference(text: str) -> Any:
    """The object that `module:name` names. Raises BadText."""
    found = _REFERENCE.match(text)
    if found is None:
        raise BadText("expected module:object, the place of a Python object")
    try:
        value: Any = importlib.import_module(found[1])
        for part in found[2].split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        raise BadText(f"there is no object {text}: {error}") from error
    return value


def any_value(text: str) -> Any:
    """What `text` says where every type is welcome: an object by `module:name`, JSON, or just text."""
    try:
        return load_reference(text)
    except BadText:
        pass
    try:
        return json.loads(text)
    except ValueError:
        return text


def existing(text: str, form: str) -> str:
    """The absolute path of a file (or folder) that is there; a URI as it is. Raises BadText."""
    if "://" in text:
        return text
    path = Path(text).expanduser()
    if not path.exists():
        raise BadText(f"there is no {_FORMS[form]} {path}")
    if path.is_dir() != (form == "dir"):
        raise BadText(f"{path} is {'a folder' if path.is_dir() else 'a file'}, not a {_FORMS[form]}")
    return str(path.absolute())


_FORMS = {"file": "file", "dir": "folder", "table": "file"}


def _plain(kind: type, text: str) -> Any:
    if kind is bool:
        return parse_bool(text)
    if kind is bytes or kind is bytearray:
        return kind(text.encode())
    if issubclass(kind, enum.Enum):
        return _enum(kind, text)
    if issubclass(kind, datetime.datetime):
        return parse_moment(text)
    if issubclass(kind, datetime.date):
        return _decoded(kind, parse_moment(text).date().isoformat() if text[:1] in "nt" else text)
    if issubclass(kind, datetime.timedelta):
        return parse_duration(text)
    if is_table(kind):
        return _table(kind, text)
    if form := getattr(kind, "__flyte_form__", None):
        return _from_path(kind, form, text)
    return _of_codec(kind, text)


def _of_codec(kind: type, text: str) -> Any:
    codec = codec_of(kind)
    if isinstance(codec, PickleCodec):
        return load_reference(text)
    if isinstance(codec, AnyCodec) and kind not in _BARE:
        return any_value(text)
    if isinstance(codec, AnyCodec) and _REFERENCE.match(text):
        return _checked(kind, load_reference(text))
    if codec.kinds & {ARRAY, OBJECT}:
        return _structured(kind, text)
    return _scalar(kind, text)


def _scalar(kind: type, text: str) -> Any:
    """A number as it is written, everything else as the JSON string that it would be."""
    if issubclass(kind, int) and not re.fullmatch(r"[+-]?\d+", text.strip()):
        raise BadText(f"{text!r} is not a valid integer")
    if issubclass(kind, int):
        return _decoded(kind, int(text))
    if issubclass(kind, float):
        try:
            return _decoded(kind, float(text))
        except ValueError as error:
            raise BadText(f"{text!r} is not a valid float") from error
    return _decoded(kind, text)


def _table(kind: type, text: str) -> Any:
    path = existing(text, "table")
    try:
        return read_table_file(path, kind)
    except (Unfit, OSError, ValueError) as error:
        raise BadText(f"{path} is not a Parquet or CSV file: {error}") from error


def _from_path(kind: type, form: str, text: str) -> Any:
    if text.lstrip().startswith("{"):
        return _structured(kind, text)
    return _decoded(kind, existing(text, form))


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
    for member in sorted(members, key=_turn):
        try:
            return parse(member, text)
        except BadText as error:
            complaints.append(str(error))
    raise BadText("; ".join(dict.fromkeys(complaints)))


def _turn(member: Any) -> int:
    """When a member of a union is tried: scalars, then str, then what is written as JSON."""
    if member is str:
        return 1
    kinds = codec_of(member).kinds
    return 2 if kinds & {ARRAY, OBJECT} else 0


def _structured(annotation: Any, text: str) -> Any:
    return _decoded(annotation, load_document(text))


def _decoded(annotation: Any, data: Any) -> Any:
    """The value of JSON data, as a call of the task would read it. Raises BadText."""
    try:
        return codec_of(annotation).decode(data)
    except Unfit as error:
        raise BadText(str(error)) from error


def _checked(annotation: Any, value: Any) -> Any:
    """`value`, when it is of the type with all its constraints. Raises BadText."""
    try:
        codec_of(annotation).encode(value)
    except Unfit as error:
        raise BadText(str(error)) from error
    return value


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
