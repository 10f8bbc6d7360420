"""A small shop whose runs are looked at in a browser: what runs, and where its pages are."""

from dataclasses import dataclass
from pathlib import Path

from testkit.cli import TYPED_LIMIT_S, Cli, Running

PROJECT = "shop"

SOURCE = '''\
import asyncio
import sys
from pathlib import Path

import flyte
import flyte.report

env = flyte.TaskEnvironment(name="shop")
REACH = "try { top.document.title = 'reached' } catch { }"


@env.task
async def price(item: int, gate: str) -> int:
    print(f"the price of item {item}")
    while item == 3 and not Path(gate).exists():
        await asyncio.sleep(0.05)
    return 10 * item


@env.task(report=True)
async def main(gate: str) -> int:
    """Prices all items."""
    print("the shop opens")
    with flyte.group("prices"):
        prices = await asyncio.gather(*(price(item, gate) for item in range(10)))
    await flyte.report.replace.aio("<h1>Ten items</h1><script>" + REACH + "</script>")
    await flyte.report.flush.aio()
    print("item 7 has no label", file=sys.stderr)
    print("the shop closes")
    return sum(prices)


@env.task
async def till(gate: str) -> int:
    raise ValueError("the till is empty")
'''


@dataclass(frozen=True, slots=True)
class Shop:
    """A project with a run that has succeeded, `good`, and one that has failed, `bad`."""

    cli: Cli
    open_gate: Path

    def run(self, name: str, task: str = "main", gate: Path | None = None) -> Running:
        """Start a run and leave it running; item 3 waits until the gate exists."""
        return self.cli.spawn("run", "--name", name, "shop.py", task, "--gate", str(gate or self.open_gate))

    def code(self, run: Running) -> int:
        """The exit code of a command that ran, once it has ended."""
        run.communicate(timeout=TYPED_LIMIT_S)
        return run.wait()


def path_of(*parts: str) -> str:
    """An address of the page within the tests' project."""
    return "/".join(["/projects", PROJECT, "domains", "development", *parts])
