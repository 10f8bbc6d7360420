"""How many actions of a local run may run at a time, parents that wait not counted."""

import threading
from collections import OrderedDict
from concurrent.futures import Future


class Places:
    """The places of one run, given out in order of asking; `limit` None: as many as there are actions."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._taken: set[str] = set()
        self._waiting: OrderedDict[str, Future[None]] = OrderedDict()

    def take(self, action: str) -> "Future[None] | None":
        """A place for this action. None: it has one; else what to wait for. It is given back by `leave`."""
        if self._limit is None:
            return None
        with self._lock:
            if len(self._taken) < self._limit:
                self._taken.add(action)
                return None
            turn: Future[None] = Future()
            self._waiting[action] = turn
            return turn

    def leave(self, action: str) -> None:
        """This action has ended, or waits for children from now on; it may not have had a place."""
        with self._lock:
            self._taken.discard(action)
            self._waiting.pop(action, None)
            while self._waiting and len(self._taken) < (self._limit or 0):
                following, turn = self._waiting.popitem(last=False)
                if turn.set_running_or_notify_cancel():  # else it was cancelled while it waited
                    self._taken.add(following)
                    turn.set_result(None)
