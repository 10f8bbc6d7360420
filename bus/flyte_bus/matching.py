"""Which subjects a pattern means: `*` is one token, `>` is the rest (at least one token)."""

import re
from collections.abc import Callable
from functools import lru_cache

KNOWN = 1_000
"""For how many patterns it is kept what they mean."""


@lru_cache(maxsize=KNOWN)
def is_literal(pattern: str) -> bool:
    """Whether the pattern names one subject only."""
    return not any(token in ("*", ">") for token in pattern.split("."))


def matches(pattern: str, subject: str) -> bool:
    """Whether `subject` (without wildcards) is one that `pattern` means."""
    return matcher(pattern)(subject) is not None


@lru_cache(maxsize=KNOWN)
def matcher(pattern: str) -> Callable[[str], object | None]:
    """What tells of many subjects whether the pattern means them: None for those that it does not."""
    tokens = []
    for token in pattern.split("."):
        if token == ">":
            tokens.append(".*")
            break
        tokens.append("[^.]*" if token == "*" else re.escape(token))
    return re.compile(r"\.".join(tokens), re.DOTALL).fullmatch
