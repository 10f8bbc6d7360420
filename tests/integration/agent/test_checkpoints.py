"""What an attempt saved outlasts its process, and the next attempt goes on from it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from flyte_schemas.action import ActionState
from flyte_schemas.events import ActionRetried
from flyte_schemas.orders import Order
from flyte_schemas.phase import ActionPhase
from testkit.agents import Agents

Again = Callable[[Order], Awaitable[Order]]


@pytest.fixture
def again(agents: Agents) -> Again:
    async def again(order: Order) -> Order:
        await agents.say(order.key.action, ActionRetried(attempt=order.attempt, reason=""))
        return await agents.queue(order.key.action, order.attempt + 1)

    return again


async def test_a_killed_attempt_leaves_its_checkpoint_to_the_next(agents: Agents, again: Again) -> None:
    order = await agents.open(
        "@env.task\nasync def main() -> list[int]:\n"
        "    checkpoint = flyte.ctx().checkpoint\n"
        "    loaded = await checkpoint.load()\n"
        "    done = [int(line) for line in loaded.read_text().split()] if loaded else []\n"
        "    assert checkpoint.prev_exists() == bool(done) == (checkpoint.remote_source is not None)\n"
        "    for number in range(len(done), len(done) + 3):\n"
        "        done.append(number)\n"
        "        await checkpoint.save(' '.join(map(str, done)).encode())\n"
        "    if len(done) < 7: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return done\n"
    )
    state: ActionState | None = None
    for _ in range(3):
        state = await agents.run(order)
        if not state.is_terminal:
            order = await again(order)
    assert state is not None
    assert (state.phase, state.attempt) == (ActionPhase.SUCCEEDED, 3)
    assert await agents.output(state) == list(range(9))
    assert state.checkpoint is not None
    assert (state.checkpoint.attempt, state.checkpoint.name) == (3, "checkpoint")
    assert agents.leftovers() == set()


async def test_a_folder_comes_back_as_it_was(agents: Agents, again: Again) -> None:
    order = await agents.open(
        "@env.task\ndef main() -> str:\n"
        "    checkpoint = flyte.ctx().checkpoint\n"
        "    loaded = checkpoint.load_sync()\n"
        "    if loaded is None:\n"
        "        place = checkpoint.path / 'epoch'\n"
        "        (place / 'deep').mkdir(parents=True)\n"
        "        (place / 'deep' / 'last.ckpt').write_bytes(b'w' * 3_000_000)\n"
        "        checkpoint.save_sync(place / 'deep' / 'last.ckpt')\n"
        "        checkpoint.save_sync(str(place))\n"
        "        raise RuntimeError('once more')\n"
        "    last = flyte.latest_checkpoint(loaded)\n"
        "    return f'{loaded.name} {last.relative_to(loaded)} {last.stat().st_size}'\n",
    )
    state = await agents.run(order)
    assert state.checkpoint is not None
    assert (state.checkpoint.name, state.checkpoint.is_folder) == ("epoch", True)
    state = await agents.run(await again(order))
    assert await agents.output(state) == "epoch deep/last.ckpt 3000000"
    assert agents.leftovers() == set()


async def test_a_checkpoint_that_is_lost_is_said_so(agents: Agents, again: Again, tmp_path: Path) -> None:
    order = await agents.open(
        "@env.task\ndef main():\n"
        "    checkpoint = flyte.ctx().checkpoint\n"
        "    if not checkpoint.prev_exists():\n"
        "        checkpoint.save_sync(b'precious')\n"
        "        raise RuntimeError('once more')\n"
        "    checkpoint.load_sync()\n"
    )
    state = await agents.run(order)
    assert state.checkpoint is not None
    stored = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    (precious,) = [path for path in stored if path.read_bytes() == b"precious"]
    precious.unlink()
    failure = (await agents.run(await again(order))).failure
    assert failure is not None
    assert failure.code == "ArtifactNotFound"
    assert "the checkpoint cannot be loaded" in failure.message
