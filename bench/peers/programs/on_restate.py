"""Restate: a service of two handlers, served by hypercorn, called through a server of its own.

A child is another handler of another service, a step is `ctx.run`. Both are journaled by the server.
"""

import sys
import time
from pathlib import Path

import restate
from measuring import Measuring, free_port, listens, post, running, times, until

parents = restate.Service("Parents")
children = restate.Service("Children")


@children.handler()
async def square(ctx: restate.Context, number: int) -> int:
    return number * number


@parents.handler()
async def in_turn(ctx: restate.Context, count: int) -> list[float]:
    return await times(lambda number: ctx.service_call(square, number), count)


@parents.handler()
async def steps(ctx: restate.Context, count: int) -> list[float]:
    return await times(lambda number: ctx.run_typed("square", _squared, number=number), count)


@parents.handler()
async def at_once(ctx: restate.Context, count: int) -> float:
    begun = time.perf_counter()
    calls = [ctx.service_call(square, number) for number in range(count)]
    squares = [await call for call in calls]
    took = time.perf_counter() - begun
    assert squares == [number * number for number in range(count)]
    return count / took


async def _squared(number: int) -> int:
    return number * number


app = restate.app([parents, children])


def main() -> None:
    """Start the server and the service, and ask for the parents."""
    measuring = Measuring()
    ingress, admin, fabric, service = (free_port() for _ in range(4))
    server = Path(sys.prefix) / "node_modules" / "@restatedev"
    (program,) = server.glob("restate-server-*/bin/restate-server")
    variables = {
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_BIND_IP": "127.0.0.1",
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_BIND_PORT": str(fabric),
        "RESTATE_INGRESS__BIND_PORT": str(ingress),
        "RESTATE_ADMIN__BIND_PORT": str(admin),
        "RUST_LOG": "warn",
    }
    words = [str(program), "--no-logo", "--base-dir", str(measuring.folder / "restate")]
    hypercorn = [sys.executable, "-m", "hypercorn", "--workers", "2", "--worker-class", "uvloop"]
    bound = ["--bind", f"127.0.0.1:{service}", "on_restate:app"]
    with (
        running(words, **variables) as one,
        running([*hypercorn, *bound], PYTHONPATH=str(Path(__file__).parent)) as other,
    ):
        until(lambda: all(map(listens, (ingress, admin, service))), "restate-server")
        until(lambda: _registered(admin, service), "the service")
        post(f"http://127.0.0.1:{ingress}/Children/square", 3)
        measuring.idle(one, other)
        _measure(measuring, f"http://127.0.0.1:{ingress}/Parents")


def _registered(admin: int, service: int) -> bool:
    try:
        post(f"http://127.0.0.1:{admin}/deployments", {"uri": f"http://127.0.0.1:{service}"}, limit_s=30)
    except (RuntimeError, OSError):
        return False
    return True


def _measure(measuring: Measuring, url: str) -> None:
    for name, handler in (("child", "in_turn"), ("step", "steps")):
        for _ in measuring.rounds():
            measuring.figure(name, post(f"{url}/{handler}", measuring.calls))
    for size in measuring.sizes:
        for _ in measuring.rounds():
            measuring.figure(f"fan-out {size}", [post(f"{url}/at_once", size)])


if __name__ == "__main__":
    main()
