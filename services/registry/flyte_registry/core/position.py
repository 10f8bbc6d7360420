"""Up to where a stream was read, when a few entries may come out of the stream's order.

A reader that fills a gap may hand out an entry of one subject before an older one of another. If the
checkpoint were the highest sequence seen, a crash in between would lose the older one for ever; so it is
the highest sequence below which nothing is missing, and what was seen beyond it is kept by number.
"""

from collections.abc import Mapping

MAX_AHEAD = 10_000
"""So many entries beyond a hole say that the hole will not be filled."""


class Position:
    """A reader's place in one stream.

    `as_of` is the sequence up to which all was seen, `mark` the digest of the entry there (what tells this
    log from another), `ahead` what was seen beyond it. Up to `settled`, the stream as it was when reading
    began, entries come in order: a hole there is an entry that the stream no longer has.
    """

    def __init__(self, as_of: int = 0, mark: str = "", ahead: Mapping[int, str] | None = None) -> None:
        self.as_of = as_of
        self.mark = mark
        self.ahead = dict(ahead or {})
        self.settled = 0

    def admit(self, sequence: int, mark: str) -> bool:
        """Take note of an entry; False when it was seen before."""
        if sequence <= self.as_of or sequence in self.ahead:
            return False
        self.ahead[sequence] = mark
        if sequence <= self.settled or len(self.ahead) > MAX_AHEAD:
            self._step(min(self.ahead))
        while self.as_of + 1 in self.ahead:
            self._step(self.as_of + 1)
        return True

    def _step(self, sequence: int) -> None:
        self.as_of = sequence
        self.mark = self.ahead.pop(sequence)
