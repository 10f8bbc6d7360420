"""The bus's errors in the SDK's words, and a word to the user while something is slow."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from flyte import errors
from flyte._limits import QUIET_WAIT_S
from flyte._runtime.failure import error_of
from flyte._runtime.transfer import ArtifactError
from flyte_bus.errors import BusError, BusUnavailable, NoAnswer, NotStored, Refusal, StreamFull

T = TypeVar("T")
Say = Callable[[str], None]


@contextmanager
def translated() -> Iterator[None]:
    """Raise the SDK's errors for those of the bus and of the artifact store."""
    try:
        yield
    except Refusal as error:
        raise error_of(error.failure) from error
    except NotStored as error:
        raise errors.RuntimeSystemError("SystemUnavailableError", str(error)) from error
    except BusUnavailable as error:
        raise errors.RuntimeSystemError(
            "SystemUnavailableError", f"the control plane cannot be reached: {error}. Is the stack running?"
        ) from error
    except NoAnswer as error:
        raise errors.RuntimeSystemError("SystemUnavailableError", f"{error}: is it running?") from error
    except StreamFull as error:
        raise errors.RuntimeSystemError("StreamFullError", str(error)) from error
    except BusError as error:
        raise errors.RuntimeSystemError(type(error).__name__, str(error)) from error
    except ArtifactError as error:
        raise errors.RuntimeSystemError(error.code, f"{error} {error.hint}".strip()) from error


async def reminding(work: Awaitable[T], say: Say, text: str, *, after_s: float = QUIET_WAIT_S) -> T:
    """Await `work`, and say `text` once when it takes longer than `after_s`."""
    timer = asyncio.get_running_loop().call_later(after_s, say, text)
    try:
        return await work
    finally:
        timer.cancel()


def say_on_stderr(text: str) -> None:
    """A status line for a person, beside the program's own output."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_nothing(text: str) -> None:
    """For callers that show progress themselves."""
