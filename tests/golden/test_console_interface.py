"""The table of the console's interface in the handbook is that of its routes."""

from pathlib import Path

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_console.app import ConsoleService
from flyte_console.core.openapi import method_of
from flyte_console.settings import ConsoleSettings
from flyte_console.table import PLACE
from testkit.golden import is_golden, replace_block

PAGE = Path(__file__).parents[2] / "docs" / "console.md"


async def test_the_page_shows_the_routes_of_today() -> None:
    lines = ["| | address | gives |", "|---|---|---|"]
    for route in ConsoleService(MemoryBus(MemoryServer()), ConsoleSettings()).routes:
        address = route.path.replace(PLACE, "PLACE")
        lines.append(f"| {method_of(route)} | `{address}` | {route.summary} |")
    wanted = replace_block(PAGE.read_text(encoding="utf-8"), "interface", "\n".join(lines))
    assert is_golden(PAGE, wanted), "the table is out of date: FLYTE_GOLDEN=write writes it again"
