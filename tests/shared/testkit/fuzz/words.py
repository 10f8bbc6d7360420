"""Entries without I/O: events and their folds, values, frames, schedules, names, images, messages."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import orjson

from flyte import Image
from flyte._cli.story import event_line
from flyte._images.dockerfile import dockerfile_of
from flyte._runtime.messages import pack, unpack
from flyte.errors import ImageBuildError
from flyte_agent.process import Forked, RunnerProcess
from flyte_console.core.rows import RunRows
from flyte_executor.core.spans import spans_of
from flyte_notifier.core.messages import document
from flyte_notifier.senders import NotSent, Senders, Unsendable
from flyte_notifier.settings import NotifierSettings
from flyte_schemas import subjects, trigger_state
from flyte_schemas.action import ActionState, evolve
from flyte_schemas.audit import Audit
from flyte_schemas.chain import Chain
from flyte_schemas.cron import Expression, next_after, parse, zone_of
from flyte_schemas.envelope import AnyEvent, Malformed, decode, encode
from flyte_schemas.run import RunFold
from flyte_schemas.subjects import ActionKey, parse_action
from testkit.examples import EXAMPLES
from testkit.fuzz.chooser import Chooser
from testkit.fuzz.documents import mutated, odd
from testkit.fuzz.entry import Broken, Entry

WIRE = [(event.subject, encode(event)) for event in EXAMPLES]


def some_event(chooser: Chooser) -> tuple[str, bytes]:
    """A subject, and bytes that are almost an event of it."""
    subject, raw = chooser.pick(WIRE)
    if chooser.one_in(10):
        subject = chooser.pick(WIRE)[0]
    return subject, mutated(chooser, raw)


class Decoding(Entry):
    """Any bytes are an event, which is written as it was read, or `Malformed`, which says why."""

    name = "events"

    async def feed(self, chooser: Chooser) -> None:
        _, raw = some_event(chooser)
        try:
            event = decode(raw)
        except Malformed as error:
            assert str(error)
            return
        again = decode(encode(event))
        assert (again.id, again.subject, again.time, again.data) == (
            event.id,
            event.subject,
            event.time,
            event.data,
        )


class Folding(Entry):
    """Any events in any order: every fold goes on, what is terminal stays so, and every line can be told."""

    name = "folds"

    async def feed(self, chooser: Chooser) -> None:
        fold, rows, audit, chain = RunFold(), RunRows(), Audit(), Chain()
        triggers, told = trigger_state.TaskTriggers(), list[tuple[AnyEvent, int]]()
        for sequence in chooser.times(12):
            subject, raw = some_event(chooser)
            chain.add(raw)
            try:
                event = decode(raw)
            except Malformed as malformed:
                audit.take(subject, sequence, malformed)
                continue
            audit.take(subject, sequence, event)
            triggers = trigger_state.evolve(triggers, event, sequence)
            key = parse_action(subject) or ActionKey(subjects.RunKey("p", "d", "r"), "a0")
            before = fold.get(key.action)
            after = fold.apply(key.action, event, sequence)
            if before.is_terminal and after.phase is not before.phase:
                raise Broken(f"{event.type} moved an action from {before.phase} to {after.phase}")
            rows.apply(key.action, event, sequence)
            event_line(key.action, event)
            told.append((event, sequence))
        audit.finish()
        if told:
            list(spans_of(ActionKey(subjects.RunKey("p", "d", "r"), "a0"), told, told[-1][1]))
        for row in rows.changed_after(0, 100):
            orjson.dumps(row.values())


class Scheduling(Entry):
    """A text is a schedule whose next instants grow, or `ValueError`."""

    name = "schedules"
    WORDS: ClassVar = (
        "*",
        "*/5",
        "1-5",
        "0",
        "31",
        "2",
        "MON",
        "@daily",
        "59",
        "L",
        "?",
        "1,2,3",
        "FEB",
        "7",
        "*/0",
        "5-1",
        "@every 5m",
        "@every " + "9" * 30 + "h",
    )

    async def feed(self, chooser: Chooser) -> None:
        words = [chooser.text(8) if chooser.one_in(6) else chooser.pick(self.WORDS) for _ in chooser.times(6)]
        zone = chooser.pick(("UTC", "Europe/Berlin", "America/New_York", "../../etc/passwd", chooser.text()))
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chooser.below(2**31))
        try:
            expression, place = parse(" ".join(words)), zone_of(zone)
            if isinstance(expression, Expression):
                for _ in range(3):
                    then = next_after(expression, place, at)
                    assert then > at
                    at = then
        except ValueError as error:
            assert str(error)


class Naming(Entry):
    """No subject that we read has parts with which another place could be written."""

    name = "subjects"
    READERS: ClassVar[tuple[Callable[[str], Any], ...]] = (
        subjects.parse_request, subjects.parse_action, subjects.parse_timer, subjects.parse_trigger_timer,
        subjects.parse_task, subjects.parse_lease,
    )  # fmt: skip

    async def feed(self, chooser: Chooser) -> None:
        words = chooser.pick(WIRE)[0].split(".")
        for _ in chooser.times(3):
            words[chooser.below(len(words))] = chooser.text(8)
        subject = ".".join(words[: chooser.below(len(words)) + 1] if chooser.one_in(6) else words)
        for read in self.READERS:
            found = read(subject)
            if isinstance(found, ActionKey):
                assert (
                    "." not in found.action and subjects.parse_action(subjects.action_subject(found)) == found
                )


class Framing(Entry):
    """What a user's process writes into its socket: messages, `ValueError` for what is none, or its end."""

    name = "frames"
    SAID: ClassVar[tuple[dict[str, Any], ...]] = (
        {"kind": "entered"},
        {"kind": "ask", "call": 1, "action": "b", "task": {"name": "e.t", "version": "v"}, "inputs": {}},
        {
            "kind": "pause",
            "call": 1,
            "condition": "c",
            "prompt": "?",
            "timeout_s": 1.0,
            "payload": {"a": [1]},
        },
        {"kind": "give-up", "call": 1},
        {"kind": "find", "call": 1, "name": "e.t"},
        {"kind": "locate", "call": 1, "download": {"uri": "flyte://artifacts/p/d/x"}},
        {"kind": "printed", "stream": "stdout", "text": "a"},
        {"kind": "recall", "call": 1, "step": "s"},
        {"kind": "returned", "outputs": {"o0": {"type": "inline", "value": [1]}}},
        {"kind": "raised", "failure": {"code": "E", "kind": "user", "message": "no"}},
    )

    async def feed(self, chooser: Chooser) -> None:
        frames = b"".join(self._frame(chooser) for _ in chooser.times(3))
        ours, theirs = socket.socketpair()
        runner = RunnerProcess(Forked(pid=0, connection=ours, pipes={}))
        runner._reader, runner._writer = await asyncio.open_connection(sock=ours)
        _, writer = await asyncio.open_connection(sock=theirs)
        writer.write(frames)
        writer.close()
        with contextlib.suppress(ValueError):
            async for message in runner.messages():
                unpack(pack(message)[4:])
        await runner.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def _frame(self, chooser: Chooser) -> bytes:
        body = mutated(chooser, orjson.dumps(chooser.pick(self.SAID)))
        size = len(body) if not chooser.one_in(4) else chooser.pick((0, 1, 2**31, 2**32 - 1, len(body) + 1))
        return size.to_bytes(4, "big") + body


class Imaging(Entry):
    """An image that is declared is a Dockerfile of just its layers, or refused: no word is an instruction."""

    name = "images"
    WORDS: ClassVar = (
        "a",
        "/x",
        "x=1",
        "\nUSER root",
        "a\\\nRUN evil",
        "a b",
        "$(evil)",
        "`evil`",
        "a\\",
        '"',
        "#",
    )

    async def feed(self, chooser: Chooser) -> None:
        def text() -> str:
            return chooser.text() if chooser.one_in(3) else chooser.pick(self.WORDS)

        image = Image.from_base("debian")
        for _ in chooser.times(4):
            with contextlib.suppress(ValueError, TypeError):
                match chooser.below(7):
                    case 0:
                        image = image.with_pip_packages(text(), index_url=text(), extra_args="--pre")
                    case 1:
                        image = image.with_apt_packages(text(), text())
                    case 2:
                        image = image.with_env_vars({text(): text()})
                    case 3:
                        image = image.with_workdir(text())
                    case 4:
                        image = image.with_source_file(Path(__file__), text())
                    case 5:
                        image = Image.from_base(text())
                    case _:
                        image = image.clone(name=text(), registry=text())
        try:
            made = dockerfile_of(image.spec())
        except (ValueError, TypeError, ImageBuildError) as error:
            assert str(error)
            return
        for line in made.text.split("\n"):
            if line and not line.startswith(("FROM ", "WORKDIR ", "COPY ", "RUN --mount", "ENV ", "# ")):
                raise Broken(f"an instruction that nobody declared: {line!r}")
            if line.endswith("\\"):
                raise Broken(f"a line that goes on in the next: {line!r}")


class Telling(Entry):
    """A notification with any settings, of any event, is sent, or is not for a reason that we know."""

    name = "notifications"
    gains_files = 20

    async def open(self) -> None:
        settings = NotifierSettings(hosts=("127.0.0.1",), smtp_url="smtp://127.0.0.1:1", timeout_s=2.0)
        self._senders = Senders(settings)
        await self._senders.open()

    async def close(self) -> None:
        await self._senders.close()

    async def feed(self, chooser: Chooser) -> None:
        kind = chooser.pick(tuple(NOTIFIED))
        settings = _changed(chooser, _changed(chooser, NOTIFIED[kind]))
        if not isinstance(settings, dict):
            return
        try:
            event = decode(some_event(chooser)[1])
        except Malformed:
            return
        key = ActionKey(subjects.RunKey(chooser.text(6), "d", chooser.text(6)), "a0")
        state = evolve(ActionState(), event, 1)
        with contextlib.suppress(NotSent, Unsendable):
            await self._senders.send(kind, settings, document(key, state, event, 1), "id", is_signed=True)


NOTIFIED: dict[str, dict[str, Any]] = {
    "webhook": {"url": "http://127.0.0.1:1/", "method": "POST", "headers": {"a": "b"}, "body": {"a": 1}},
    "slack": {"webhook_url": "http://127.0.0.1:1/", "message": "a", "blocks": []},
    "teams": {"webhook_url": "http://127.0.0.1:1/", "title": "a", "message": "b", "card": {}},
    "email": {
        "recipients": ["a@example.org"],
        "cc": [],
        "bcc": [],
        "subject": "a",
        "body": "b",
        "html_body": "c",
    },
}


def _changed(chooser: Chooser, settings: Any) -> Any:
    """Settings with one of them replaced."""
    if not isinstance(settings, dict) or not settings:
        return settings
    return settings | {chooser.pick(list(settings)): odd(chooser)}
