"""One direct get of many messages, over an inbox of its own."""

import asyncio
from collections.abc import Mapping

import orjson

from flyte_bus.errors import NotAllowed
from flyte_bus.jetstream.client import header, number, status
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.contents import Expected, content_of
from flyte_bus.ports import Entry
from flyte_schemas.reading import REFUSED_HEADER
from flyte_schemas.streams import StreamSpec

BATCH_SILENCE_S = 4.0
"""A batch that stays silent for so long is asked for again."""


class Batch:
    """The messages of a stream that `question` asks for, put at `at`; `entries` are those on `wanted`.

    `last` is the sequence of the last message of all, `pending` how many more there were.
    """

    def __init__(
        self,
        connection: Connection,
        stream: StreamSpec,
        at: str,
        question: Mapping[str, object],
        wanted: str,
        after: int = 0,
    ) -> None:
        self._connection = connection
        self._stream = stream.name
        self._at = at
        self._expected = Expected(stream.name, wanted)
        self._question = orjson.dumps(question)
        self.entries: list[Entry] = []
        self.last = after
        self.pending = 0
        self._ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._progress = 0

    async def get(self) -> bool:
        """Read it; False when the server did not answer properly. Raises NotAllowed."""
        inbox = self._connection.client.new_inbox()
        forget = self._connection.on_return(lambda: self._end(is_whole=False))  # the answer may be lost
        forgive = self._connection.standing.on_denied(self._at, self._refuse)
        subscription = await self._connection.client.subscribe_straight(inbox, self._on_message)
        silence_s = min(BATCH_SILENCE_S, self._connection.settings.patience_s)
        try:
            await self._connection.publish(self._at, self._question, reply=inbox)
            while True:
                seen = self._progress
                done, _ = await asyncio.wait([self._ended], timeout=silence_s)
                if done:
                    return self._ended.result()
                if self._progress == seen:
                    return False
        finally:
            forget()
            forgive()
            await self._connection.unsubscribe(subscription)

    def _on_message(self, headers: bytes, raw: bytes) -> None:
        self._progress += 1
        match status(headers):
            case "":
                self._take(headers, raw)
            case "204":
                self.pending = number(headers, b"Nats-Num-Pending") or 0
                self._end(is_whole=True)
            case "404":
                self._end(is_whole=True)
            case _:  # 503: nobody serves the stream now; 408, 413: try again
                self._end(is_whole=False)

    def _take(self, headers: bytes, raw: bytes) -> None:
        place = self._expected.place(headers)
        if place is None:
            refused = header(headers, REFUSED_HEADER.encode())
            if refused is not None:
                self._refuse(NotAllowed(refused.decode("utf-8", "replace"), subject=self._at))
            return
        subject, self.last = place
        if self._expected.wants(subject):
            self.entries.append(Entry(self._stream, subject.decode(), self.last, content_of(raw), raw))

    def _refuse(self, error: NotAllowed) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)

    def _end(self, *, is_whole: bool) -> None:
        if not self._ended.done():
            self._ended.set_result(is_whole)
