"""DBOS: workflows and steps in one process, recorded in a SQLite file.

A child is a child workflow that the parent awaits, many at once are started and then awaited: both run in the
process of their parent, which is quicker than DBOS's queues and as durable.
"""

import asyncio
import os
import time

from dbos import DBOS
from measuring import Measuring, check, times


@DBOS.workflow()
async def square(number: int) -> int:
    return number * number


@DBOS.step()
async def squared(number: int) -> int:
    return number * number


@DBOS.workflow()
async def in_turn(count: int) -> list[float]:
    return await times(square, count)


@DBOS.workflow()
async def steps(count: int) -> list[float]:
    return await times(squared, count)


@DBOS.workflow()
async def at_once(count: int) -> float:
    begun = time.perf_counter()
    handles = [await DBOS.start_workflow_async(square, number) for number in range(count)]
    squares = await asyncio.gather(*(handle.get_result() for handle in handles))
    took = time.perf_counter() - begun
    check(squares)
    return count / took


async def main() -> None:
    """Launch DBOS in this process and run the parents."""
    measuring = Measuring()
    database = f"sqlite:///{measuring.folder}/dbos.sqlite"
    DBOS(config={"name": "peer", "system_database_url": database, "log_level": "WARNING"})
    DBOS.launch()
    measuring.idle(os.getpid())
    for name, parent in (("child", in_turn), ("step", steps)):
        for _ in measuring.rounds():
            measuring.figure(name, await parent(measuring.calls))
    for size in measuring.sizes:
        for _ in measuring.rounds():
            measuring.figure(f"fan-out {size}", [await at_once(size)])
    DBOS.destroy()


if __name__ == "__main__":
    asyncio.run(main())
