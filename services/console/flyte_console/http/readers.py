"""Who follows a stream just now: each is let go when not let in any more, also while nothing happens.

A session ends when somebody signs out, when its credentials end or are taken back, and by its age. What is
found about one is believed for some seconds (`ConsoleSettings.fresh_s`), and looked at as often.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

MayGoOn = Callable[[], Awaitable[bool]]


class Readers:
    """The tasks of all streams, each with the question whether it may go on."""

    def __init__(self, look_s: float) -> None:
        self._look_s = look_s
        self._may_go_on: dict[asyncio.Task[object], MayGoOn] = {}
        self._let_go: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        return len(self._may_go_on)

    @contextmanager
    def following(self, may_go_on: MayGoOn) -> Iterator[None]:
        """The block is a stream, which is cancelled when it may not go on."""
        task = asyncio.current_task()
        assert task is not None
        self._may_go_on[task] = may_go_on
        try:
            yield
        finally:
            del self._may_go_on[task]
            self._let_go.discard(task)

    def was_let_go(self) -> bool:
        """Whether the stream of this task was cancelled by us, and not by its reader."""
        return asyncio.current_task() in self._let_go

    def end(self) -> None:
        """Cancel every stream."""
        for task in tuple(self._may_go_on):
            self._cancel(task)

    async def look(self) -> None:
        """Let go of those who may not go on, for ever."""
        while True:
            await asyncio.sleep(self._look_s)
            asked = tuple(self._may_go_on.items())
            answers = await asyncio.gather(*(may_go_on() for _, may_go_on in asked), return_exceptions=True)
            for (task, _), answer in zip(asked, answers, strict=True):
                if answer is not True:
                    self._cancel(task)

    def _cancel(self, task: asyncio.Task[object]) -> None:
        if task in self._may_go_on:
            self._let_go.add(task)
            task.cancel()
