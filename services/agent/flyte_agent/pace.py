"""How fast an attempt's output may go to the log: at once for a while, then so much a second.

One attempt that prints in a loop would take the log's time from all others, and in a minute push everybody's
output out of a stream that holds the last gigabyte.
"""


class Pace:
    """`bytes_per_s` in the long run; `burst_bytes` at once after as long a silence."""

    def __init__(self, bytes_per_s: float, burst_bytes: float, now: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._burst_bytes = burst_bytes
        self._left_bytes = burst_bytes
        self._at = now

    def spend(self, size_bytes: int, now: float) -> float:
        """Take note of what went; how many seconds to wait before the next."""
        regained = (now - self._at) * self._bytes_per_s
        self._at = now
        self._left_bytes = min(self._burst_bytes, self._left_bytes + regained) - size_bytes
        return max(0.0, -self._left_bytes / self._bytes_per_s)
