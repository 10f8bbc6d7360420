"""The notifier's numbers, on the bus in memory, with a real HTTP server that it tells."""

import asyncio

from flyte_schemas.notify import Notification
from flyte_schemas.phase import ActionPhase
from testkit.notifier_plane import Heard, Plane
from testkit.numbers import numbers, of

OUTCOMES = ("delivered", "tried_again", "given_up")


def hook(url: str) -> Notification:
    return Notification(kind="webhook", phases=(ActionPhase.FAILED,), settings={"url": url})


async def outcomes(plane: Plane) -> tuple[float, ...]:
    """How many were delivered, tried again, given up."""
    found = await numbers(*plane.meters)
    return tuple(found[of("flyte_notifier_notifications_total", outcome=one)] for one in OUTCOMES)


async def test_what_is_delivered_and_tried_again_is_counted(plane: Plane) -> None:
    left = [500, 503]

    async def answer(heard: Heard) -> int:
        return left.pop() if left else 200

    receiver = await plane.receiver(answer)
    await plane.notifier()
    assert await outcomes(plane) == (0, 0, 0)
    await plane.run("bad", hook(receiver.url))
    await plane.until(lambda: len(receiver.heard) == 3)
    await plane.settled()
    assert await outcomes(plane) == (1, 2, 0)
    assert (await numbers(*plane.meters))[of("flyte_notifier_delivery_seconds_count")] == 1


async def test_what_nobody_takes_is_counted_as_given_up(plane: Plane) -> None:
    async def refuse(heard: Heard) -> int:
        return 503

    receiver = await plane.receiver(refuse)
    await plane.notifier(tries=3)
    await plane.run("bad", hook(receiver.url))
    await plane.until(lambda: len(receiver.heard) == 3)
    await plane.settled()
    assert await outcomes(plane) == (0, 2, 1)
    assert (await numbers(*plane.meters))[of("flyte_notifier_delivery_seconds_count")] == 0


async def test_what_waits_stands_on_the_page_until_it_is_delivered(plane: Plane) -> None:
    may_end = asyncio.Event()

    async def answer(heard: Heard) -> int:
        await may_end.wait()
        return 200

    receiver = await plane.receiver(answer)
    await plane.notifier(timeout_s=30.0)
    for number in range(3):
        await plane.run(f"run{number}", hook(receiver.url))
    await plane.until(lambda: len(receiver.heard) == 3)
    assert (await numbers(*plane.meters))[of("flyte_notifier_outbox")] == 3
    may_end.set()
    await plane.settled()
    await plane.until(lambda: _is_empty(plane))
    assert await outcomes(plane) == (3, 0, 0)


async def _is_empty(plane: Plane) -> bool:
    return (await numbers(*plane.meters))[of("flyte_notifier_outbox")] == 0
