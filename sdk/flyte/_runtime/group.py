"""Labels on child actions: calls made within `with flyte.group("name")` carry the name.

Groups do not nest in the log: the innermost one wins. They are not inherited by grandchildren.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_group: ContextVar[str | None] = ContextVar("flyte_group", default=None)


def current() -> str | None:
    """The name of the innermost open group."""
    return _group.get()


@contextmanager
def use(name: str | None) -> Iterator[None]:
    """Open the group `name` (None: close all) within the block."""
    token = _group.set(name)
    try:
        yield
    finally:
        _group.reset(token)


@contextmanager
def group(name: str) -> Iterator[None]:
    """Label the child actions that are called within the block.

    Raises TypeError for what is no name, ValueError for an empty one.
    """
    if not isinstance(name, str):
        raise TypeError(f"a group's name must be a string, not {name!r}")
    if not name:
        raise ValueError("a group needs a name: flyte.group('name')")
    with use(name):
        yield
