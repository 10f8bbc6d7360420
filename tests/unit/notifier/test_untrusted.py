"""What a run asks for may be anything: it ends no notifier, reaches no rule of others, is not signed for."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from flyte_schemas.notices import Delivery, Rule
from flyte_schemas.notify import RUN_NOTIFICATIONS, Notification
from flyte_schemas.streams import OUTBOX_BUCKET
from flyte_schemas.subjects import action_subject
from testkit.notifier_plane import FAILED, Plane, hook, rule


async def _have_failed(plane: Plane, number: int) -> bool:
    return len(await plane.failures()) == number


@pytest.mark.parametrize("kind", ["named-delivery", "named-rule"])
async def test_a_name_without_measure_is_an_unknown_one(plane: Plane, kind: Any) -> None:
    receiver = await plane.receiver()
    await plane.notifier()
    named = Notification(kind=kind, phases=FAILED, settings={"name": "\x7f" * 250_000})
    await plane.run("evil", named, hook(receiver.url))
    await plane.until(lambda: bool(receiver.heard))
    await plane.settled()
    (failure,) = await plane.failures()
    assert failure.error.startswith("the platform knows no notification by the name")
    assert len(failure.error) <= 300 and len(failure.target) <= 300


async def test_a_delivery_of_any_size_and_form_ends_no_notifier(plane: Plane) -> None:
    receiver = await plane.receiver()
    run = await plane.run("evil", hook({"url": {"a": [receiver.url] * 3}}), fails=False)  # type: ignore[arg-type]
    subject = action_subject(run.action("a0"))
    for number, target in enumerate(["rule:" + "\x7f" * 100_000, "run:0", "run:7", "run:x", "nonsense"]):
        there = Delivery(target=target, event_id="e", subject=subject, sequence=4, next_at=datetime.now(UTC))
        await plane.bus.bucket(OUTBOX_BUCKET).put(f"k{number}", there.model_dump_json().encode())
    await plane.notifier(tries=1)
    await plane.run("bad", hook(receiver.url))
    await plane.until(lambda: bool(receiver.heard))
    await plane.settled()
    assert all(len(one.target) <= 300 for one in await plane.failures())


@pytest.mark.parametrize("theirs", [{"project": "q"}, {"domain": "e"}, {"task": "other.*"}])
async def test_a_run_cannot_name_a_rule_that_is_for_others(plane: Plane, theirs: dict[str, str]) -> None:
    receiver = await plane.receiver()
    await plane.put_rules(rule("theirs", receiver.url, phases=["succeeded"], **theirs))
    await plane.notifier()
    for name in ("theirs", "nobody"):
        a_rule = Notification(kind="named-rule", settings={"name": name})
        a_delivery = Notification(kind="named-delivery", phases=FAILED, settings={"name": name})
        await plane.run(f"of-{name}", a_rule, a_delivery)
    await plane.until(lambda: _have_failed(plane, 4))
    await plane.settled()
    assert not receiver.heard
    says = "the platform knows no notification by the name "
    assert Counter((one.target, one.error) for one in await plane.failures()) == {
        ("rule:theirs", says + "'theirs'"): 1,
        ("run:1", says + "'theirs'"): 1,
        ("rule:nobody", says + "'nobody'"): 1,
        ("run:1", says + "'nobody'"): 1,
    }


async def test_what_a_run_says_in_its_own_words_is_not_signed(plane: Plane) -> None:
    receiver = await plane.receiver()
    url, forged = receiver.url, {"run": {"project": "q", "name": "prod", "phase": "failed"}}
    ruled = {"kind": "webhook", "settings": {"url": f"{url}/ruled", "body": {"x": 1}}}
    await plane.put_rules(
        Rule.model_validate({"name": "matching"} | ruled),
        Rule.model_validate({"name": "named", "only_by_name": True} | ruled),
    )
    await plane.notifier(secret="s3cret")
    slack = {"webhook_url": f"{url}/slack", "blocks": [forged]}
    await plane.run(
        "evil",
        hook(f"{url}/forged", body=forged),
        hook(f"{url}/empty", body=None),
        hook(f"{url}/plain"),
        Notification(kind="slack", phases=FAILED, settings=slack),
        Notification(kind="named-delivery", phases=FAILED, settings={"name": "named", "body": forged}),
    )
    await plane.until(lambda: len(receiver.heard) == 6)
    await plane.settled()
    signed = Counter(one.path for one in receiver.heard if "Flyte-Signature" in one.headers)
    assert signed == {"/plain": 1, "/ruled": 2}
    assert {len(one.headers["Flyte-Event-Id"]) for one in receiver.heard} == {32}


async def test_of_more_than_fifty_the_first_fifty_are_told(plane: Plane) -> None:
    receiver = await plane.receiver()
    await plane.put_rules(rule("named", f"{receiver.url}/named", only_by_name=True))
    await plane.notifier()
    hooks = [hook(f"{receiver.url}/{number}") for number in range(RUN_NOTIFICATIONS)]
    last = Notification(kind="named-rule", settings={"name": "named"})
    with structlog.testing.capture_logs() as logged:
        await plane.run("greedy", *hooks, last, hook(f"{receiver.url}/more"))
        await plane.until(lambda: len(receiver.heard) == RUN_NOTIFICATIONS)
        await plane.settled()
    assert {one.path for one in receiver.heard} == {f"/{number}" for number in range(RUN_NOTIFICATIONS)}
    (warning,) = [one for one in logged if one["log_level"] == "warning"]
    assert (warning["event"], warning["asked"]) == ("notifier.run.asks_too_much", 52)
