"""Values that no description carries: pickled, by value where the receiver could not import them.

Only a user's process unpickles, and only what the log of its own runs holds. To open a pickle is to run the
code of whoever has made it: who only looks leaves it closed (`unopened`).
"""

import base64
import contextlib
import importlib
import io
import pickle
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from flyte._runtime.codecs.codec import ALL_KINDS, OBJECT, Definitions, Whole, unfit
from flyte._runtime.codecs.naming import annotation_text
from flyte._runtime.codecs.schemas import FORM
from flyte._runtime.payloads import Payload, is_publishing, known_place, spool, spooled_place

PICKLE, JSON = "$pickle", "$json"
_MAIN = "__main__"
_root: Path | None = None
_DEEPEST_JSON = 100
"""Levels of lists and dicts; what is deeper is pickled."""
_ATOMS = (str, int, float, bool, type(None))
_opens = ContextVar("opens", default=True)


class Unopened:
    """A pickle of so many bytes, in place of the value in it."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes

    def __repr__(self) -> str:
        return f"<a pickle of {self.size_bytes} bytes>"


@contextlib.contextmanager
def unopened() -> Iterator[None]:
    """Within the block pickles stand as they are, `Unopened`: nobody's code runs."""
    before = _opens.set(False)
    try:
        yield
    finally:
        _opens.reset(before)


def use_source_root(root: Path | None) -> None:
    """Say where the source of this process has its root; None is where a deployment would find it."""
    global _root
    _root = root


class PickleCodec(Whole):
    """Instances of a class that nothing is known of, or callables: `{"$pickle": base64}`."""

    kinds = frozenset({OBJECT})
    is_inline = False

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation
        self.python_type: type | None = annotation if isinstance(annotation, type) else None

    def encode(self, value: Any) -> Any:
        if not self._accepts(value):
            raise unfit(f"Input should be an instance of {annotation_text(self._annotation)}")
        return {PICKLE: to_pickle(value)}

    def decode(self, data: Any) -> Any:
        if not _holds(data, PICKLE):
            raise unfit(f"a {annotation_text(self._annotation)} cannot be made of JSON")
        return from_pickle(data[PICKLE])

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {FORM: "pickle"}

    def _accepts(self, value: Any) -> bool:
        if self.python_type is None:
            return "Callable" not in str(self._annotation) or callable(value)
        with contextlib.suppress(TypeError):  # a Protocol that cannot be asked
            return isinstance(value, self.python_type)
        return True


class AnyCodec(Whole):
    """A value of any type, or of a bare `list`, `dict` …: JSON data as it is, everything else pickled."""

    kinds = ALL_KINDS
    is_inline = False

    def __init__(self, kind: type | None = None) -> None:
        self.python_type = kind

    def encode(self, value: Any) -> Any:
        if self.python_type is not None and not isinstance(value, self.python_type):
            raise unfit(f"Input should be a valid {_WORDS.get(self.python_type, self.python_type.__name__)}")
        if not _is_json(value):
            return {PICKLE: to_pickle(value)}
        return {JSON: value} if _holds(value, PICKLE) or _holds(value, JSON) else value

    def decode(self, data: Any) -> Any:
        if _holds(data, PICKLE):
            return from_pickle(data[PICKLE])
        value = data[JSON] if _holds(data, JSON) else data
        kind = self.python_type
        if kind is None or isinstance(value, kind):
            return value
        if isinstance(value, list) and kind in (tuple, set, frozenset):
            return kind(value)
        raise unfit(f"Input should be a valid {_WORDS.get(kind, kind.__name__)}")

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        if self.python_type is None:
            return {}
        return {"type": "object" if self.python_type is dict else "array"}


_WORDS: dict[type, str] = {dict: "dictionary"}


def to_pickle(value: Any) -> "str | Payload":
    """The pickle of `value` as base64, or its place when it is large. Raises Unfit."""
    place = known_place(value)
    if place is not None:
        return place
    sink = spool() if is_publishing() else io.BytesIO()
    try:
        _pickler()(sink).dump(value)
        place = spooled_place(value, sink)
    except Exception as error:  # whatever the object's own reduction does
        sink.close()
        raise unfit(f"{annotation_text(type(value))} cannot be pickled: {error}") from error
    if place is not None:
        return place
    with sink:
        sink.seek(0)
        return base64.b64encode(sink.read()).decode()


def from_pickle(data: Any) -> Any:
    """The value of a pickle in base64, or in a file; `Unopened` for who only looks. Raises Unfit."""
    try:
        if isinstance(data, str):
            raw = base64.b64decode(data, validate=True)
            return _Unpickler(io.BytesIO(raw)).load() if _opens.get() else Unopened(len(raw))
        if not _opens.get():
            return Unopened(data.seek(0, io.SEEK_END))
        data.seek(0)
        value = _Unpickler(data).load()
        data.close()
        return value
    except Exception as error:
        raise unfit(f"the pickle cannot be read here: {type(error).__name__}: {error}") from error


def named(module: str, qualname: str) -> Any:
    """What a user's module calls `qualname`; the module may be the script that runs here.

    Raises ImportError and AttributeError.
    """
    found = sys.modules.get(module)
    if found is None:
        main = sys.modules[_MAIN]
        found = main if _module_name_of(main) == module else importlib.import_module(module)
    return _lookup(found, qualname)


class _Unpickler(pickle.Unpickler):
    """Finds what a task on the stack has made of the script that runs here in the script itself."""

    def find_class(self, module: str, qualname: str) -> Any:
        return super().find_class(module, qualname) if module in sys.modules else named(module, qualname)


@cache
def _pickler() -> Any:
    """cloudpickle's pickler, which names what stands in the user's script as a deployment would name it.

    Without that an instance of the script's class would come out as one of another class by the same name.
    """
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, type | FunctionType) and value.__module__ == _MAIN:
                module = _module_name_of(sys.modules[_MAIN])
                with contextlib.suppress(AttributeError):
                    if module is not None and _lookup(sys.modules[_MAIN], value.__qualname__) is value:
                        return named, (module, value.__qualname__)
            return super().reducer_override(value)

    return Pickler


def _lookup(module: ModuleType, qualname: str) -> Any:
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _module_name_of(main: ModuleType) -> str | None:
    """The name under which the script that runs here is deployed; None in a notebook or a shell."""
    file = getattr(main, "__file__", None)
    if file is None:
        return None
    from flyte._layout import layout_of

    path = Path(file).resolve()
    try:
        return layout_of([path], _root).module_name(path)
    except Exception:  # the script is outside of the source: nobody imports it there
        return None


def _holds(data: Any, tag: str) -> bool:
    return isinstance(data, Mapping) and len(data) == 1 and tag in data


def _is_json(value: Any, depth: int = 0) -> bool:
    """Whether JSON gives back exactly this: no subclasses, no keys but text, no list within itself."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if depth > _DEEPEST_JSON:
        return False
    if kind is list:
        return all(_is_json(item, depth + 1) for item in value)
    return kind is dict and all(type(key) is str and _is_json(item, depth + 1) for key, item in value.items())
