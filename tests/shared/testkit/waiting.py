"""Waiting for something in another process, in tests that type commands."""

import time
from collections.abc import Callable

LIMIT_S = 90.0
"""What has not come by then will never come; a loaded machine is slow."""
LOOK_AGAIN_S = 0.1


def wait_for(what: str, condition: Callable[[], object]) -> None:
    """Return once `condition` holds."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {LIMIT_S:g} s for {what}"
        time.sleep(LOOK_AGAIN_S)
