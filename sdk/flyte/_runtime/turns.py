"""How many children of one attempt are under way at a time; the others wait here for their turn.

A parent may ask for a hundred thousand at once. What each costs the agent, the executor and the log's readers
while it lives is bounded by this, and here one that waits is no more than the bytes of its question.
"""

import threading
from collections import OrderedDict

MOST_ASKED = 10_000
"""How many children of one attempt may be under way."""


class Turns:
    """Which calls may ask now. Safe from any thread."""

    def __init__(self, most: int = MOST_ASKED) -> None:
        self._most = most
        self._asked: set[int] = set()
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def may_ask(self, call: int, question: bytes) -> bool:
        """Whether this call's turn is now; else its question is kept."""
        with self._lock:
            if len(self._asked) < self._most:
                self._asked.add(call)
                return True
            self._held[call] = question
            return False

    def over(self, call: int) -> tuple[bool, bytes | None]:
        """A call waits no more: whether it had asked, and the question whose turn is now, if any."""
        with self._lock:
            if self._held.pop(call, None) is not None:
                return False, None
            if call not in self._asked:
                return True, None
            self._asked.discard(call)
            if not self._held:
                return True, None
            following, question = self._held.popitem(last=False)
            self._asked.add(following)
            return True, question
