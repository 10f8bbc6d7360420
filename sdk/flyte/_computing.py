"""Who computes what just now, for tasks whose identical calls wait for each other (`serialize`)."""

import threading
from concurrent.futures import Future


class Computing:
    """Calls by their keys: of identical ones, one computes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._computed: dict[str, Future[None]] = {}

    def begin(self, key: str) -> "Future[None] | None":
        """None: this caller computes, and says `done`. Else what to wait for, before looking again."""
        with self._lock:
            other = self._computed.get(key)
            if other is None:
                self._computed[key] = Future()
            return other

    def done(self, key: str) -> None:
        """It was computed, or could not be."""
        with self._lock:
            self._computed.pop(key).set_result(None)
