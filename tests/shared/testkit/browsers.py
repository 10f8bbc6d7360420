"""A browser that follows a run: it keeps the rows that it was sent, and the last id, and nothing else."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from flyte_console.streams import Sent


@dataclass(slots=True)
class Browser:
    """`rows` by name, as the page has them; `last_id` is what it comes back with."""

    rows: dict[str, list[Any]] = field(default_factory=dict)
    last_id: int = 0
    messages: list[str] = field(default_factory=list)
    has_ended: bool = False

    def take(self, message: Sent) -> None:
        """Take in one message of a run's stream."""
        if not message.event:
            return
        self.messages.append(message.event)
        assert message.id is not None
        assert message.id >= self.last_id, "an id never goes back"
        self.last_id = message.id
        if message.event == "end":
            self.has_ended = True
            return
        data = orjson.loads(message.data)
        assert data["as_of"] == message.id
        for row in data["rows"]:
            assert self.rows.get(row[0]) != row, "a row that it has came once more"
            self.rows[row[0]] = row
