"""The output of one attempt that shares its process: it comes as messages of its lane.

What nobody in the process calls his own (native code, subprocesses, threads without a context) comes by the
pipes, and goes to one of the attempts.
"""

import asyncio
import codecs
import os
from collections.abc import Iterator, Mapping

from flyte._runtime.messages import Printed
from flyte_agent.output import READ_BYTES, OutputPump, Ship, Stream

MOST_CHARACTERS = READ_BYTES // 4
"""What is taken at a time: never more bytes than are read at a time."""

_SAID = "said"
"""What came as messages, beside what came by the pipes."""


class LaneOutput(OutputPump):
    """Ships what it is told was printed, until `close`; when that is slow, who tells has to wait."""

    def __init__(self, attempt: int, ship: Ship) -> None:
        super().__init__(attempt, {}, ship, keeps_pipes=True)
        self._is_closed = False
        self._has_room = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    @property
    def has_pipes(self) -> bool:
        """Whether it takes what comes by the pipes, too."""
        return bool(self._open)

    def follow(self, pipes: Mapping[Stream, int]) -> None:
        """Take what comes by the pipes, too, from here on."""
        self._pipes = dict(pipes)
        for name in pipes:
            self._decoders[name] = codecs.getincrementaldecoder("utf-8")(errors="backslashreplace")
            self._open.add(name)
            os.set_blocking(pipes[name], False)
            self._resume(name)

    async def hear(self, printed: Printed) -> None:
        """Take what was printed; returns when there is room for it."""
        for text in _parts(printed.text):
            while self._is_full and not self._is_closed:
                self._has_room.clear()
                await self._has_room.wait()
            size = len(text.encode("utf-8", "surrogatepass"))
            self.progress += size
            self._pass(_SAID, printed.stream, text, size)

    def close(self) -> None:
        for source, name in tuple(self._redacted):
            if source == _SAID and not self._is_closed:
                self._pass(source, name, "", 0, final=True)
        self._is_closed = True
        super().close()
        self._has_room.set()
        self._changed.set()
        self._all_read.set()
        self._hurried.set()

    @property
    def _is_open(self) -> bool:
        return not self._is_closed

    def _go_on(self) -> None:
        super()._go_on()
        self._has_room.set()


def _parts(text: str) -> Iterator[str]:
    for place in range(0, len(text), MOST_CHARACTERS):
        yield text[place : place + MOST_CHARACTERS]
