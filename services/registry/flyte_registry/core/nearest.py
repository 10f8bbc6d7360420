"""The names that somebody may have meant."""

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str], limit: int) -> tuple[str, ...]:
    """At most `limit` of `names` that resemble the task name `name`, the best first.

    A right function in a wrong environment resembles it too.
    """
    known = list(names)
    close = difflib.get_close_matches(name, known, n=limit, cutoff=0.6) if limit else []
    function = name.partition(".")[2]
    elsewhere = [other for other in known if other.partition(".")[2] == function and other not in close]
    return tuple([*close, *sorted(elsewhere)][:limit])
