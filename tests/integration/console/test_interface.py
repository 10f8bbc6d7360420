"""What the console answers is what its OpenAPI document says, whatever it is asked.

`FLYTE_FUZZ_CONSOLE=N` asks N times per operation, mode and kind of names, and with other requests each time.
"""

import asyncio
import os

import pytest

from testkit.console import KNOWN, World
from testkit.console_fuzz import fuzz_console

EXAMPLES = int(os.environ.get("FLYTE_FUZZ_CONSOLE") or 0)


@pytest.mark.timeout(900 + 120 * EXAMPLES)
async def test_no_request_breaks_it_and_each_answer_is_as_documented(world: World) -> None:
    loop = asyncio.get_running_loop()

    def new_token() -> str:
        return asyncio.run_coroutine_threadsafe(world.token(), loop).result()

    statuses = await asyncio.to_thread(
        fuzz_console,
        world.console.url,
        new_token,
        KNOWN,
        examples=EXAMPLES or 4,
        derandomize=not EXAMPLES,
    )
    print(f"asked {sum(statuses.values())} times: {dict(sorted(statuses.items()))}")
    assert {"200", "400", "404"} <= set(statuses), "it was asked for things that are there, and for others"
    await world.get("/runs")
