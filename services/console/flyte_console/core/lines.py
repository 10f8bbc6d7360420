"""Output as lines: chunks of many attempts, put into each attempt's order and cut at line breaks.

What has no line breaks is cut all the same, so that no line grows with each chunk, and with the output.
"""

from typing import Any

from flyte._client.logs import LogOrder
from flyte_console.core.rows import milliseconds
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.events import LogWritten
from flyte_schemas.subjects import parse_action

Line = dict[str, Any]
"""As `answers.words.LogLine` has it."""

LINE_CHARACTERS = 64 * 1024
"""A longer line is several."""


def characters(lines: list[Line]) -> int:
    """How much text there is in these lines."""
    return sum(len(line["text"]) for line in lines)


class LogLines:
    """Fed with the messages of LOGS of a run or an action, from the first on; `as_of` is the last's place.

    `attempt` limits what is given to one attempt of each action.
    """

    def __init__(self, attempt: int | None = None) -> None:
        self._attempt = attempt
        self._order = LogOrder()
        self._partial: dict[tuple[str, int, str], tuple[str, int]] = {}
        self.as_of = 0

    def take(self, subject: str, content: AnyEvent | Malformed, sequence: int) -> list[Line]:
        """The lines that end with this message."""
        self.as_of = max(self.as_of, sequence)
        place = parse_action(subject)
        if place is None or isinstance(content, Malformed):
            return []
        chunk = content.data
        if not isinstance(chunk, LogWritten) or self._attempt not in (None, chunk.attempt):
            return []
        at_ms = milliseconds(content.time)
        found: list[Line] = []
        for ready in self._order.put(place.action, chunk):
            found += self._lines(place.action, ready, at_ms)
        return found

    def is_complete(self, ends: dict[tuple[str, int], int | None]) -> bool:
        """Whether all of the output up to these ends was given."""
        wanted = {
            place: end for place, end in ends.items() if end is not None and self._attempt in (None, place[1])
        }
        return self._order.is_complete(wanted)

    def flush(self) -> list[Line]:
        """What lies behind gaps that nobody will fill any more: the log forgets by age."""
        found: list[Line] = []
        for action, chunk in self._order.flush():
            found += self._lines(action, chunk, 0)
        return found

    def rest(self) -> list[Line]:
        """The lines that have not ended."""
        return [
            self._line(*place, text, at_ms) | {"partial": True}
            for place, (text, at_ms) in self._partial.items()
            if text
        ]

    def _lines(self, action: str, chunk: LogWritten, at_ms: int) -> list[Line]:
        found = []
        for segment in chunk.segments:
            place = (action, chunk.attempt, segment.stream)
            begun = self._partial.get(place, ("", 0))[0]
            *whole, rest = map(_cut, (begun + segment.text).split("\n"))
            ended = [text for cut in whole for text in cut] + rest[:-1]
            found += [self._line(*place, text, at_ms) for text in ended]
            self._partial[place] = (rest[-1], at_ms)
        return found

    def _line(self, action: str, attempt: int, stream: str, text: str, at_ms: int) -> Line:
        return {
            "sequence": self.as_of,
            "action": action,
            "attempt": attempt,
            "stream": stream,
            "at_ms": at_ms,
            "text": text,
            "partial": False,
        }


def _cut(text: str) -> list[str]:
    """A line as the lines that it is given as: one at least, and the same however it came."""
    return [text[at : at + LINE_CHARACTERS] for at in range(0, max(1, len(text)), LINE_CHARACTERS)]
