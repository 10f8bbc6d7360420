"""The zygote: one mistaken order harms no other, and what the dead left is cleared away."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from flyte_bus.process import is_alive
from flyte_schemas.phase import ActionPhase
from testkit.agents import Agents, Zygote
from testkit.cases.harness import until
from testkit.nats_server import NatsServer


async def test_an_order_that_cannot_be_served_harms_no_other(agents: Agents) -> None:
    order = await agents.open("@env.task\ndef main() -> int: return 1\n")
    for line in (b"garbage", b"{}", order.model_dump_json().encode().replace(b'"a0"', b'"a b"')):
        assert set(agents.zygote.ask(line)) == {"error"}
    assert (await agents.run(order)).phase is ActionPhase.SUCCEEDED


async def test_agents_outlive_their_zygote(shared_server: NatsServer, tmp_path: Path, agents: Agents) -> None:
    zygote = Zygote(shared_server, tmp_path / "home")
    order = await agents.open("@env.task\ndef main():\n    time.sleep(0.5)\n")
    process = zygote.fork(order)
    assert zygote.end() == 0
    assert is_alive(process.pid)
    await process.wait()
    assert (await agents.state(order)).phase is ActionPhase.SUCCEEDED


async def test_spares_and_forked_agents_serve_alike(agents: Agents) -> None:
    """There are fewer spares than orders."""
    orders = [await agents.open(f"@env.task\ndef main() -> int: return {number}\n") for number in range(5)]
    for order in orders:
        agents.start(order)
    for number, order in enumerate(orders):
        state = await agents.until(order, lambda state: state.is_terminal)
        assert await agents.output(state) == number


async def test_a_spare_that_was_killed_is_passed_over(
    shared_server: NatsServer, tmp_path: Path, agents: Agents
) -> None:
    zygote = Zygote(shared_server, tmp_path / "home", spares=1)
    order = await agents.open("@env.task\ndef main() -> int: return 1\n")
    spare = min(zygote.descendants(2))
    os.kill(spare, signal.SIGKILL)
    await until(lambda: not is_alive(spare))
    process = zygote.fork(order)
    await process.wait()
    assert (await agents.state(order)).phase is ActionPhase.SUCCEEDED
    assert zygote.end() == 0


async def test_spares_end_with_their_zygote_however_it_ends(
    shared_server: NatsServer, tmp_path: Path
) -> None:
    for is_killed in (False, True):
        zygote = Zygote(shared_server, tmp_path / "home", spares=2)
        processes = zygote.descendants(4)
        if is_killed:
            zygote.kill()
            await until(lambda left=processes: not any(map(is_alive, left)))
        else:
            assert zygote.end() == 0
        assert not any(map(is_alive, processes))


async def test_spares_end_with_their_zygote_while_the_bus_is_away(tmp_path: Path) -> None:
    zygote = Zygote(NatsServer(tmp_path / "never-started"), tmp_path / "home", spares=1)
    processes = zygote.descendants(2)
    zygote.kill()
    await until(lambda: not any(map(is_alive, processes)))


async def test_a_zygote_clears_away_what_the_dead_left(shared_server: NatsServer, tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / "work" / f"{gone.pid}.1.abc"
    left.mkdir(parents=True)
    assert Zygote(shared_server, tmp_path).end() == 0
    assert not left.exists()


def test_the_command_line_says_what_is_wrong_with_an_order() -> None:
    order = {"project": "p", "domain": "d", "run": "r", "action": "a.b", "attempt": "1", "fence": "2"}
    words = [word for name, value in order.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [sys.executable, "-m", "flyte_agent", "attempt", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "action" in done.stderr
