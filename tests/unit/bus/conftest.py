"""The memory bus is tested without waiting: all its time is the event loop's."""

from collections.abc import Callable, Mapping

import pytest

from testkit.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], VirtualTimeLoop]]:
    """Every test here has an event loop with a clock of its own."""
    return {"virtual": VirtualTimeLoop}
