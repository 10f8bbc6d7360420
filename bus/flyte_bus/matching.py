"""Which subjects a pattern means: `*` is one token, `>` is the rest (at least one token)."""

from functools import lru_cache

KNOWN = 10_000
"""For how many pairs of pattern and subject the answer is kept."""


@lru_cache(maxsize=KNOWN)
def is_literal(pattern: str) -> bool:
    """Whether the pattern names one subject only."""
    return not any(token in ("*", ">") for token in pattern.split("."))


@lru_cache(maxsize=KNOWN)
def matches(pattern: str, subject: str) -> bool:
    """Whether `subject` (without wildcards) is one that `pattern` means."""
    wanted, tokens = pattern.split("."), subject.split(".")
    for place, token in enumerate(wanted):
        if token == ">":
            return len(tokens) > place
        if place >= len(tokens) or token not in ("*", tokens[place]):
            return False
    return len(wanted) == len(tokens)
