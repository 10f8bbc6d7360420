"""What the console answers is what its OpenAPI document says, whatever it is asked.

`FLYTE_FUZZ_CONSOLE=N` asks N times per operation, mode and kind of names, and with other requests each time.
"""

import asyncio
import os

import pytest

from flyte_schemas.sessions import ANY, OPEN_SESSION, OpenSession
from testkit.console import DOMAIN, DONE, PROJECT, TASK, World
from testkit.console_fuzz import fuzz_console

EXAMPLES = int(os.environ.get("FLYTE_FUZZ_CONSOLE") or 0)
KNOWN = {
    "project": PROJECT,
    "domain": DOMAIN,
    "run": DONE.run,
    "action": "a1",
    "name": TASK.name,
    "version": TASK.version,
}


@pytest.mark.timeout(120 + 30 * EXAMPLES)
async def test_no_request_breaks_it_and_each_answer_is_as_documented(world: World) -> None:
    loop, everywhere = asyncio.get_running_loop(), OpenSession(project=ANY, domain=ANY, lasting=True)

    def new_token() -> str:
        return asyncio.run_coroutine_threadsafe(world.bus.ask(OPEN_SESSION, everywhere), loop).result().secret

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
