"""The notifier against a real HTTP server: who is told what, again when it failed, and never held up."""

import asyncio
import hmac
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

import flyte_notifier.watching
from flyte_bus.ports import Bus
from flyte_notifier.rulebook import Rulebook, read_rules
from flyte_notifier.settings import NotifierSettings
from flyte_notifier.watching import around
from flyte_schemas.action import ActionState
from flyte_schemas.events import AttemptSucceeded
from flyte_schemas.notices import Rule
from flyte_schemas.notify import Notification
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ActionKey
from testkit.notifier_plane import FAILED, Heard, Plane, hook, rule

SUCCEEDED = (ActionPhase.SUCCEEDED,)


async def test_a_run_tells_whom_it_asks_to_and_of_its_own_end_only(plane: Plane) -> None:
    receiver = await plane.receiver()
    await plane.notifier(secret="s3cret", console_url="https://flyte.example")
    await plane.run("good", hook(f"{receiver.url}/failed"), fails=False)
    await plane.run("bad", hook(f"{receiver.url}/failed"), hook(f"{receiver.url}/good", SUCCEEDED))
    await plane.until(lambda: bool(receiver.heard))
    await plane.settled()
    (heard,) = receiver.heard
    run = heard.document["run"]
    assert (heard.path, run["name"], run["phase"], run["task"]) == ("/failed", "bad", "failed", "env.task")
    assert run["failure"] == {"code": "ValueError", "message": "no luck\nat all"}
    assert run["url"] == f"https://flyte.example/projects/{run['project']}/domains/{run['domain']}/runs/bad"
    event = heard.document["event"]
    assert (event["type"], heard.headers["Flyte-Event-Id"]) == ("flyte.action.failed.v1", event["id"])
    signed = heard.headers["Flyte-Timestamp"].encode() + b"." + heard.body
    assert heard.headers["Flyte-Signature"] == f"v1={hmac.new(b's3cret', signed, 'sha256').hexdigest()}"


async def test_a_receiver_that_fails_at_first_is_told_again_under_the_same_id(plane: Plane) -> None:
    left = [500, 302, 429]

    async def answer(heard: Heard) -> int:
        return left.pop() if left else 204

    receiver = await plane.receiver(answer)
    await plane.notifier()
    await plane.run("bad", hook(receiver.url))
    await plane.until(lambda: len(receiver.heard) == 4)
    await plane.settled()
    assert len({heard.headers["Flyte-Delivery-Id"] for heard in receiver.heard}) == 1
    assert "Flyte-Signature" not in receiver.heard[0].headers
    assert not await plane.failures()


async def test_a_run_goes_by_the_rules_of_its_end_however_late_their_news(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two watches of a bus are in no order: the news of a rule may come after that of a run's end."""
    monkeypatch.setattr(Rulebook, "follow", lambda _: asyncio.Event().wait())
    receiver = await plane.receiver()
    await plane.notifier()
    await plane.put_rules(rule("late", receiver.url))
    await plane.run("bad")
    await plane.until(lambda: bool(receiver.heard))


async def test_an_end_that_is_said_again_and_again_is_read_once(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    async def counted(bus: Bus, key: ActionKey, sequence: int) -> tuple[ActionState, ActionState]:
        read.append(sequence)
        return await around(bus, key, sequence)

    monkeypatch.setattr(flyte_notifier.watching, "around", counted)
    receiver = await plane.receiver()
    await plane.notifier()
    run = await plane.run("good", hook(receiver.url, SUCCEEDED), fails=False)
    await plane.say(run, *[AttemptSucceeded(attempt=1)] * 20)
    await plane.run("next", hook(receiver.url, SUCCEEDED), fails=False)
    await plane.until(lambda: len(receiver.heard) == 2)
    await plane.settled()
    assert [heard.document["run"]["name"] for heard in receiver.heard] == ["good", "next"]
    assert len(read) == 2


async def test_a_rule_that_another_notifier_went_by_is_looked_for(plane: Plane) -> None:
    book = Rulebook(plane.bus, None)
    await plane.put_rules(rule("late", "http://127.0.0.1"))
    found = await book.find("late")
    assert found is not None
    assert found.name == "late"
    assert await book.find("nobody") is None


async def test_what_nobody_takes_is_recorded_without_its_address(plane: Plane) -> None:
    async def refuse(heard: Heard) -> int:
        return 503

    receiver = await plane.receiver(refuse)
    await plane.notifier(tries=3)
    await plane.run("bad", hook(receiver.url))
    await plane.until(lambda: len(receiver.heard) == 3)
    await plane.settled()
    (failure,) = await plane.failures()
    assert (failure.target, failure.tries, failure.error) == ("run:0", 3, "it answered HTTP 503")
    assert len(receiver.heard) == 3


async def test_a_dead_endpoint_holds_up_nobody_else(plane: Plane) -> None:
    for_ever = asyncio.Event()

    async def hang(heard: Heard) -> int:
        await for_ever.wait()
        return 200

    dead, alive = await plane.receiver(hang), await plane.receiver()
    await plane.put_rules(rule("dead", dead.url), rule("alive", alive.url))
    await plane.notifier(timeout_s=30.0, at_a_time=8, waiting_each=5)
    for number in range(20):
        await plane.run(f"run{number}")
    await plane.until(lambda: len({heard.document["run"]["name"] for heard in alive.heard}) == 20)
    assert len(dead.heard) <= 4
    assert {(one.target, one.error) for one in await plane.failures()} == {
        ("rule:dead", "too many others wait for the same target")
    }
    for_ever.set()


async def test_a_notifier_that_is_killed_in_between_loses_nothing(plane: Plane) -> None:
    is_there = asyncio.Event()

    async def answer(heard: Heard) -> int:
        return 200 if is_there.is_set() else 500

    receiver = await plane.receiver(answer)
    await plane.put_rules(rule("all", receiver.url))
    first = await plane.notifier(timeout_s=0.2, tries=1000)
    for number in range(10):
        await plane.run(f"run{number}")
    await plane.until(lambda: len(receiver.heard) > 15)
    await first.stop()
    for number in range(10, 15):
        await plane.run(f"run{number}")
    is_there.set()
    receiver.heard.clear()
    await plane.notifier(timeout_s=0.2)
    await plane.until(lambda: len({heard.document["run"]["name"] for heard in receiver.heard}) == 15)
    await plane.settled()
    assert not await plane.failures()


async def test_two_notifiers_tell_once_when_all_is_well(plane: Plane) -> None:
    receiver = await plane.receiver()
    await plane.put_rules(rule("all", receiver.url))
    for _ in range(2):
        await plane.notifier(timeout_s=20.0)
    for number in range(30):
        await plane.run(f"run{number}")
    await plane.until(lambda: len(receiver.heard) >= 30)
    await plane.settled()
    told = Counter(heard.document["run"]["name"] for heard in receiver.heard)
    assert len(told) == 30 and set(told.values()) == {1}


async def test_rules_tell_of_what_their_patterns_name(plane: Plane) -> None:
    receiver = await plane.receiver()
    later = datetime.now(UTC) + timedelta(hours=1)
    rules = {
        "any": {},
        "failed": {"phases": ["failed"]},
        "good": {"phases": ["succeeded", "recovered"]},
        "mine": {"project": "p", "domain": "d*", "task": "env.*"},
        "others": {"project": "q"},
        "later": {"created_at": later},
        "named": {"only_by_name": True},
        "claims": {"types": ["flyte.attempt.placed.v1"]},
    }
    await plane.put_rules(*(rule(name, f"{receiver.url}/{name}", **more) for name, more in rules.items()))
    await plane.notifier()
    by_name = Notification(kind="named-delivery", phases=FAILED, settings={"name": "named"})
    a_rule = Notification(kind="named-rule", settings={"name": "good"})
    unknown = Notification(kind="named-delivery", phases=FAILED, settings={"name": "nobody"})
    await plane.run("bad", by_name, a_rule, unknown)
    await plane.until(lambda: len(receiver.heard) >= 5)
    await plane.settled()
    assert sorted(heard.path for heard in receiver.heard) == ["/any", "/claims", "/failed", "/mine", "/named"]
    (failure,) = await plane.failures()
    assert failure.error == "the platform knows no notification by the name 'nobody'"


async def test_rules_that_are_created_and_deleted_count_from_then_on(plane: Plane) -> None:
    receiver = await plane.receiver()
    await plane.notifier()
    await plane.run("early")
    await plane.put_rules(rule("all", receiver.url, created_at=datetime.now(UTC).isoformat()))
    await plane.run("told")
    await plane.until(lambda: bool(receiver.heard))
    await plane.put_rules()
    await plane.run("late")
    await plane.settled()
    assert [heard.document["run"]["name"] for heard in receiver.heard] == ["told"]


async def test_slack_teams_and_a_body_of_ones_own(plane: Plane) -> None:
    receiver = await plane.receiver()
    await plane.notifier()
    slack = Notification(kind="slack", phases=FAILED, settings={"webhook_url": f"{receiver.url}/slack"})
    teams = {"webhook_url": f"{receiver.url}/teams", "title": "Oh"}
    own = hook(f"{receiver.url}/own", method="PUT", headers={"X-A": "b"}, body={"x": [1]})
    await plane.run("bad", slack, Notification(kind="teams", phases=FAILED, settings=teams), own)
    await plane.until(lambda: len(receiver.heard) == 3)
    heard = {one.path: one for one in receiver.heard}
    sentence = "run bad of task env.task (p/d): FAILED: ValueError: no luck"
    assert heard["/slack"].document == {"text": sentence}
    card = heard["/teams"].document["attachments"][0]["content"]
    assert [block["text"] for block in card["body"]] == [
        "Oh",
        sentence.replace("(", "\\(").replace(")", "\\)"),
    ]
    assert (heard["/own"].document, heard["/own"].headers["X-A"]) == ({"x": [1]}, "b")


async def test_only_hosts_that_the_operator_names_are_called(plane: Plane) -> None:
    receiver = await plane.receiver()
    await plane.notifier(hosts=("*.example.com",))
    await plane.run("bad", hook(receiver.url), hook("nonsense"))
    await plane.until(lambda: _count(plane, 2))
    assert {one.error for one in await plane.failures()} == {"its host is none of FLYTE_NOTIFIER_HOSTS"}
    assert not receiver.heard


async def test_nothing_is_said_of_the_address_that_could_not_be_reached(plane: Plane) -> None:
    await plane.notifier(tries=1)
    await plane.run("bad", hook("http://127.0.0.1:1/secret"), hook("nonsense"))
    await plane.until(lambda: _count(plane, 2))
    assert {one.error for one in await plane.failures()} == {
        "it cannot be reached: Connection refused",
        "its address or a header is none that can be sent to",
    }


async def test_a_mail_without_a_server_is_refused_in_one_sentence(plane: Plane) -> None:
    await plane.notifier()
    await plane.run("bad", Notification(kind="email", phases=FAILED, settings={"recipients": ["a@b"]}))
    await plane.until(lambda: _count(plane, 1))
    (failure,) = await plane.failures()
    assert failure.error.startswith("no mail server is configured")


async def _count(plane: Plane, number: int) -> bool:
    return len(await plane.failures()) == number


async def test_a_mail_goes_to_all_whom_it_names(plane: Plane) -> None:
    said: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        is_text = False
        while line := await reader.readline():
            text = line.decode().rstrip()
            said.append(text)
            if is_text and text != ".":
                continue
            word, is_text = text.partition(" ")[0].upper(), text.upper() == "DATA"
            writer.write(
                b"354 go on\r\n" if is_text else b"221 bye\r\n" if word == "QUIT" else b"250 yes\r\n"
            )
            if word == "QUIT":
                break
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await plane.notifier(smtp_url=f"smtp://127.0.0.1:{port}", smtp_from="flyte@x", timeout_s=10.0)
        settings = {"recipients": ["a@x"], "cc": ["c@x"], "bcc": ["b@x"], "html_body": "<p>oh</p>"}
        await plane.run("bad", Notification(kind="email", phases=FAILED, settings=settings))
        await plane.until(lambda: "QUIT" in [line.upper() for line in said])
        await plane.settled()
    assert [line for line in said if line.lower().startswith("rcpt")] == [
        f"rcpt TO:<{one}@x>" for one in "acb"
    ]
    assert "Subject: run bad of task env.task (p/d): FAILED: ValueError: no luck" in said
    assert not [line for line in said if line.lower().startswith("bcc")]


SCRIPT = """
import json, os, pathlib, sys
told = json.load(sys.stdin)
found = {name: value for name, value in os.environ.items() if name.startswith("FLYTE_")}
pathlib.Path(sys.argv[1]).write_text(json.dumps([told["run"]["name"], found]))
sys.exit("not so soon" if not pathlib.Path(sys.argv[1] + "2").exists() else None)
"""


async def test_a_command_of_the_operators_file_gets_the_event_and_no_secrets(
    plane: Plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTE_NATS_PASSWORD", "secret")
    script, out, rules = tmp_path / "say.py", tmp_path / "out", tmp_path / "rules.yaml"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(out)]
    rules.write_text(orjson.dumps({"notifications": [{"name": "tell", "command": command}]}).decode())
    await plane.put_rules(rule("tell", "http://127.0.0.1:1"))  # the file's counts
    await plane.notifier(rules_file=rules, timeout_s=20.0, tries=1000)
    await plane.run("bad")
    await plane.until(out.exists)
    (tmp_path / "out2").touch()
    await plane.settled()
    name, variables = orjson.loads(out.read_bytes())
    assert (name, variables["FLYTE_RUN"], variables["FLYTE_PHASE"]) == ("bad", "bad", "failed")
    assert "FLYTE_NATS_PASSWORD" not in variables
    assert not await plane.failures()


async def test_commands_come_from_the_operators_file_alone(plane: Plane, tmp_path: Path) -> None:
    words = {"words": ["touch", str(tmp_path / "done")]}
    await plane.put_rules(Rule(name="x", kind="command", settings=words))
    receiver = await plane.receiver()
    await plane.notifier()
    await plane.run("bad", hook(receiver.url))
    await plane.until(lambda: bool(receiver.heard))
    await plane.settled()
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("notifications: [{name: a}]", "a needs one of webhook, slack"),
        ("notifications: [{name: a, webhook: http://x, slack: http://x}]", "needs one of"),
        ("notifications: [{name: a, slack: http://x, headers: {a: b}}]", "which only a webhook takes"),
        ("notifications: [{name: a, phases: [nope], slack: http://x}]", "notifications.0.phases.0: Input"),
        ("notifications: [{name: a, colour: red}]", "notifications.0.colour: Extra inputs"),
        ("notifications: [{name: a, slack: http://x}, {name: a, slack: http://x}]", "two have one name"),
        ("notifications: [", "notifications of"),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="notifications of") as raised:
        read_rules(path)
    assert says in str(raised.value)


def test_pauses_double_up_to_a_limit() -> None:
    settings = NotifierSettings()
    assert [settings.pause_s(tries) for tries in (1, 2, 3, 9, 50)] == [1.0, 2.0, 4.0, 256.0, 300.0]
