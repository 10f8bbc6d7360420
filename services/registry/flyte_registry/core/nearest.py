"""The names that somebody may have meant."""

import difflib
import heapq
from collections import Counter
from collections.abc import Iterable
from itertools import takewhile

CUTOFF = 0.6
"""How much two names that resemble each other share, of 1."""
MAX_COMPARED = 100
"""Only so many names, those with the most characters in common, are compared in order: that is slow."""
MAX_CHARACTERS = 64
"""A longer name resembles another by how they begin and end."""


def nearest(name: str, names: Iterable[str], limit: int) -> tuple[str, ...]:
    """At most `limit` of `names` that resemble the task name `name`, the best first.

    A right function in a wrong environment resembles it too.
    """
    known = list(names)
    close = _close(name, known, limit) if limit else []
    function = name.partition(".")[2]
    elsewhere = [other for other in known if other.partition(".")[2] == function and other not in close]
    return tuple([*close, *sorted(elsewhere)][:limit])


def _close(name: str, known: list[str], limit: int) -> list[str]:
    counts = Counter(name).items()
    shared = ((_share(sum(min(n, other.count(c)) for c, n in counts), name, other), other) for other in known)
    likely = heapq.nlargest(MAX_COMPARED, (one for one in shared if one[0] >= CUTOFF))
    matcher = difflib.SequenceMatcher(b=name)
    scored = [(_resemblance(matcher, name, other), other) for _, other in likely]
    return [other for _, other in heapq.nlargest(limit, (one for one in scored if one[0] >= CUTOFF))]


def _resemblance(matcher: difflib.SequenceMatcher[str], name: str, other: str) -> float:
    if max(len(name), len(other)) <= MAX_CHARACTERS:
        matcher.set_seq1(other)
        return matcher.ratio()
    start = _common(name, other)
    end = _common(name[start:][::-1], other[start:][::-1])
    return _share(start + end, name, other)


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _share(count: int, name: str, other: str) -> float:
    """Which part of both `count` characters of each are."""
    return 2 * count / (len(name) + len(other))
