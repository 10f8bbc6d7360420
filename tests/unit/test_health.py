"""A process's health as a value: what it says before it serves, while it serves, and when it ends."""

import asyncio

import pytest

from flyte_bus import health
from flyte_bus.health import Health, HealthSettings, from_environment


async def test_it_is_ready_between_its_start_and_its_end() -> None:
    state, troubles = Health(), [""]

    async def look() -> str:
        return troubles[-1]

    assert await state.trouble() == "it is starting"
    state.serving(look)
    assert await state.trouble() == ""
    troubles.append("the store is away")
    assert await state.trouble() == "the store is away"
    troubles.append("")
    state.draining()
    assert await state.trouble() == "it is stopping"


async def test_a_look_that_fails_or_hangs_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LOOK_TIMEOUT_S", 0.01)
    state = Health()

    async def fail() -> str:
        raise OSError("no route to host")

    async def hang() -> str:
        await asyncio.Event().wait()
        return ""

    state.serving(fail)
    assert await state.trouble() == "OSError: no route to host"
    state.serving(hang)
    assert "does not answer" in await state.trouble()


async def test_all_who_ask_share_one_look_and_none_is_ready_once_the_end_began() -> None:
    state, looks, go_on = Health(), [], asyncio.Event()

    async def look() -> str:
        looks.append(1)
        await go_on.wait()
        return ""

    state.serving(look)
    asked = [asyncio.create_task(state.trouble()) for _ in range(3)]
    await asyncio.sleep(0.01)
    state.draining()
    go_on.set()
    assert await asyncio.gather(*asked) == ["it is stopping"] * 3
    assert looks == [1]


async def test_who_gives_up_asking_takes_the_look_from_nobody() -> None:
    state, go_on = Health(), asyncio.Event()

    async def look() -> str:
        await go_on.wait()
        return ""

    state.serving(look)
    impatient, patient = (asyncio.create_task(state.trouble()) for _ in range(2))
    await asyncio.sleep(0.01)
    impatient.cancel()
    await asyncio.sleep(0.01)
    go_on.set()
    assert await patient == ""


def test_no_port_is_no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLYTE_HEALTH_PORT", raising=False)
    assert from_environment() == HealthSettings(port=None)
    monkeypatch.setenv("FLYTE_HEALTH_PORT", "8081")
    monkeypatch.setenv("FLYTE_HEALTH_HOST", "0.0.0.0")
    assert from_environment() == HealthSettings(host="0.0.0.0", port=8081)


@pytest.mark.parametrize("text", ["http", "-1", "65536", "8081.0"])
def test_a_port_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FLYTE_HEALTH_PORT", text)
    with pytest.raises(ValueError, match="FLYTE_HEALTH_PORT"):
        from_environment()
