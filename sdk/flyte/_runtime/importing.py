"""While a task's process imports the task's module, the module may not ask the stack for anything.

What it asked for (a run, say) each of these processes would ask for again, and without end when the run is of
a task of the same module.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

ASKED_AT_IMPORT = "AskedAtImport"
"""The code of the error that a module gets."""

WHY = (
    "a module asks the stack for something while it is imported, and each task's process imports it: "
    "put that call below `if __name__ == '__main__':`"
)

_is_importing = False
_is_apart: ContextVar[bool] = ContextVar("flyte_apart", default=False)


def is_importing() -> bool:
    """Whether this process imports a task's module now, for this code."""
    return _is_importing and not _is_apart.get()


def is_apart() -> None:
    """This context runs a task whose module is loaded, whatever else the process imports meanwhile."""
    _is_apart.set(True)


@contextmanager
def importing() -> Iterator[None]:
    """A task's module is imported within the block."""
    global _is_importing
    _is_importing = True
    try:
        yield
    finally:
        _is_importing = False
