"""A console with its real HTTP server, beside a registry and a dataproxy, on a bus in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flyte_console.settings import ConsoleSettings
from testkit.console import World, world_in


@pytest.fixture
def limits() -> ConsoleSettings:
    """What a test may override."""
    return ConsoleSettings(bunch_s=0.0, list_bunch_s=0.0, heartbeat_s=0.2, ask_patience_s=5.0)


@pytest.fixture
async def world(tmp_path: Path, limits: ConsoleSettings) -> AsyncIterator[World]:
    async with world_in(tmp_path, limits) as world:
        yield world
