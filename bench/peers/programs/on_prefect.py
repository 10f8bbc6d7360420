"""Prefect: a flow of tasks in one process, and a server with a SQLite file that keeps their states."""

import os
import sys
import time

from measuring import Measuring, check, free_port, post, running, times, until

PORT = free_port()
os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{PORT}/api"

from prefect import flow, task  # noqa: E402 - it reads its settings when it is imported


@task
async def square(number: int) -> int:
    return number * number


@task
def squared(number: int) -> int:
    return number * number


@flow
async def in_turn(count: int) -> list[float]:
    return await times(square, count)


@flow
def at_once(count: int) -> float:
    begun = time.perf_counter()
    squares = squared.map(range(count)).result()
    took = time.perf_counter() - begun
    check(squares)
    return count / took


async def main(measuring: Measuring) -> None:
    """Run the flows here, against the server."""
    for _ in measuring.rounds():
        measuring.figure("child", await in_turn(measuring.calls))


def _serves() -> bool:
    try:
        post(f"http://127.0.0.1:{PORT}/api/flow_runs/count", {})
    except (OSError, RuntimeError):
        return False
    return True


if __name__ == "__main__":
    import asyncio

    told = Measuring()
    server = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(PORT)]
    with running(server) as process:
        until(_serves, "the server")
        told.idle(process)
        asyncio.run(main(told))
        for size in told.sizes:
            for _ in told.rounds():
                told.figure(f"fan-out {size}", [at_once(size)])
