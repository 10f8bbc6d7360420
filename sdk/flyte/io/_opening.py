"""How a file is opened wherever it lies: bytes or text, compressed or not; given up when its block raises."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from flyte.errors import RuntimeUserError
from flyte.io._place import Tell
from flyte.io._places import is_artifact, is_here, local_path, name_of, place_of

_TEXT_OPTIONS = ("encoding", "errors", "newline")
_MODES = frozenset("rwxabt+")


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file, and what it stands on, from the outermost to the innermost."""

    layers: tuple[IO[Any], ...]
    closed: Callable[[], None] = lambda: None

    @property
    def file(self) -> IO[Any]:
        return self.layers[0]

    def close(self) -> None:
        """Close all of it: what was written is there then. Raises what the place raises."""
        was_closed = self.layers[-1].closed
        for layer in self.layers:
            layer.close()
        if not was_closed:
            self.closed()

    def give_up(self) -> None:
        """Close it in such a way that nothing was written, where the place can do that."""
        innermost: Any = self.layers[-1]
        discard = getattr(getattr(innermost, "raw", innermost), "discard", None)
        if discard is not None:
            discard()
        for layer in self.layers:
            with suppress(Exception):
                layer.close()


def opened(uri: str, mode: str = "rb", options: Mapping[str, Any] | None = None, *, written: Tell) -> Opened:
    """Open what `uri` names; `written` is told where the content is when that is known.

    Of the options `encoding`, `errors` and `newline` are those of text, `compression` is a name that fsspec
    knows or "infer"; the rest is the storage's. Raises FileNotFoundError; ValueError for a bad mode;
    RuntimeUserError.
    """
    if not set(mode) <= _MODES or len(set(mode) & set("rwxa")) != 1:
        raise ValueError(f"mode {mode!r} is not one of r, w, x, a with b, t or +")
    left = dict(options or {})
    text = {name: left.pop(name) for name in _TEXT_OPTIONS if name in left}
    compression = left.pop("compression", None)
    is_text = "b" not in mode
    binary = mode.replace("t", "") + ("b" if is_text else "")
    layers: list[IO[Any]] = [place_of(uri).open(uri, binary, left, written)]

    def closed() -> None:
        if mode[0] != "r" and not is_artifact(uri):  # which tells by itself
            written(uri, local_path(uri, "write") if is_here(uri) else None)

    try:
        if compression:
            layers.insert(0, _compressed(layers[0], compression, binary, uri))
        if is_text:
            layers.insert(0, io.TextIOWrapper(layers[0], **{"encoding": "utf-8", **text}))
    except BaseException:
        Opened(tuple(layers)).give_up()
        raise
    return Opened(tuple(layers), closed)


@contextmanager
def within(opening: Callable[[], Opened]) -> Iterator[IO[Any]]:
    """The file, open in the block; what was written counts only when the block ends without an exception."""
    opened = opening()
    try:
        yield opened.file
    except BaseException:
        opened.give_up()
        raise
    opened.close()


def _compressed(file: IO[Any], compression: str, mode: str, uri: str) -> IO[Any]:
    from flyte.io._remote import fsspec

    known = fsspec().compression.compr
    name = fsspec().utils.infer_compression(name_of(uri)) if compression == "infer" else compression
    if name is None:
        return file
    if name not in known:
        raise RuntimeUserError(
            "UnknownCompression",
            f"cannot open {uri} with compression {compression!r}: use "
            f"{', '.join(sorted(filter(None, known)))}",
        )
    layer: IO[Any] = known[name](file, mode=mode[0] + "b")
    return layer
