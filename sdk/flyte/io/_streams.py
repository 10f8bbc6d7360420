"""An open file that blocking code and coroutines read alike: `fh.read()` and `await fh.read()`."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from flyte.io._opening import Opened
from flyte.io._threads import aside


class _Ready:
    """A result that is there, and may be awaited all the same."""

    def __await__(self) -> Generator[Any, Any, Any]:
        if False:
            yield
        return self._plain()

    def _plain(self) -> Any:
        raise NotImplementedError


class _Bytes(_Ready, bytes):
    def _plain(self) -> bytes:
        return bytes(self)


class _Text(_Ready, str):
    def _plain(self) -> str:
        return str.__str__(self)


class _Number(_Ready, int):
    def _plain(self) -> int:
        return int(self)


class _List(_Ready, list[Any]):
    def _plain(self) -> list[Any]:
        return list(self)


class Stream:
    """An open file; each result may be used at once or awaited."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._file = opened.file

    def read(self, size: int = -1) -> Any:
        """Bytes or text, to the end or at most `size`."""
        return _ready(self._file.read(size))

    def readline(self) -> Any:
        """The next line; empty at the end."""
        return _ready(self._file.readline())

    def readlines(self) -> Any:
        """All lines that are left."""
        return _List(self._file.readlines())

    def write(self, data: Any) -> Any:
        """Write; how much was written."""
        return _Number(self._file.write(data))

    def seek(self, offset: int, whence: int = 0) -> Any:
        """Go to a place; the place."""
        return _Number(self._file.seek(offset, whence))

    def close(self) -> Any:
        """Close it; may be awaited."""
        self._opened.close()
        return _Number(0)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self._leave(kind)

    async def __aenter__(self) -> "Stream":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        await aside(self._leave, kind)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    async def __aiter__(self) -> AsyncIterator[Any]:
        for line in self._file:
            yield line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def _leave(self, kind: type[BaseException] | None) -> None:
        """Close it; after an exception in such a way that nothing was written, where that can be."""
        if kind is None:
            self._opened.close()
        else:
            self._opened.give_up()


class Opening(AbstractAsyncContextManager[Stream]):
    """`async with file.open() as fh`; the file is open within the block."""

    def __init__(self, opened: Callable[[], Opened]) -> None:
        self._opened = opened
        self._stream: Stream | None = None

    async def __aenter__(self) -> Stream:
        self._stream = Stream(await aside(self._opened))
        return self._stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            await self._stream.__aexit__(kind)


def _ready(data: Any) -> Any:
    return _Bytes(data) if isinstance(data, bytes) else _Text(data)
