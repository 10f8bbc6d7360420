"""A share of `make fuzz`: the same inputs each time, into every public entry."""

import asyncio
import itertools
import logging
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_agent.bundle import BundleRefused
from flyte_console.answers.parts import Visitor
from flyte_console.core.sessions import Session
from flyte_console.general import visitor
from flyte_console.problems import away
from flyte_dataproxy.core.signing import Verdict
from testkit.fuzz.chooser import Chooser
from testkit.fuzz.engine import WARM, Driven, input_of, seeded
from testkit.fuzz.entry import Broken, Entry
from testkit.fuzz.table import ENTRIES

COUNTS = {"bundles": 80, "archives": 60, "messages": 120, "dataproxy": 80, "console": 60, "commands": 60}
COUNTS |= {"console-interface": 40}
"""Those whose inputs take longest; of the others several hundred."""
MANY = 400

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nobody reads what services log of a bad message."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_keeps_its_promise_for_any_input(name: str) -> None:
    driven = Driven(ENTRIES[name])
    try:
        seeded(driven, COUNTS.get(name, MANY))
    finally:
        driven.close()
    assert driven.fed == COUNTS.get(name, MANY)


@settings(max_examples=200, derandomize=True, database=None)
@given(st.binary(max_size=300))
def test_choices_follow_from_their_bytes(data: bytes) -> None:
    def choices(chooser: Chooser) -> list[object]:
        return [
            chooser.below(1_000),
            chooser.text(),
            chooser.one_in(3),
            chooser.bytes(5),
            chooser.pick("abc"),
        ]

    assert choices(Chooser(data)) == choices(Chooser(data))
    assert 0 <= Chooser(data).below(7) < 7


class Planted(Entry):
    """An entry with a fault of each kind, to show that it is found."""

    name = "planted"
    fault = ""

    async def open(self) -> None:
        self.held: list[object] = []

    async def feed(self, chooser: Chooser) -> None:
        if self.fault == "crash" and chooser.byte() == 7:
            raise ZeroDivisionError
        if self.fault == "hang" and chooser.byte() == 7:
            await asyncio.Event().wait()
        if self.fault == "files":
            self.held.append((self.folder / "file").open("w"))
        if self.fault == "tasks":
            self.held.append(asyncio.create_task(asyncio.Event().wait()))

    async def close(self) -> None:
        for one in self.held:
            one.close() if hasattr(one, "close") and hasattr(one, "fileno") else one.cancel()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fault", "error"),
    [("crash", ZeroDivisionError), ("hang", Broken), ("files", Broken), ("tasks", Broken), ("", None)],
)
def test_each_kind_of_fault_is_found(
    fault: str, error: type[Exception] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Planted, "fault", fault)
    monkeypatch.setattr("testkit.fuzz.entry.GUARD_S", 0.05)

    def feed() -> None:
        driven = Driven(Planted)
        try:
            for seed in range(3 * WARM):
                driven.feed(bytes([seed]))
        finally:
            driven.close()

    if error is None:
        feed()
    else:
        with pytest.raises(error):
            feed()


def _fed(name: str, count: int = MANY) -> None:
    """Feed an entry. Raises what a planted bug does to it."""
    driven = Driven(ENTRIES[name])
    try:
        seeded(driven, count)
    finally:
        driven.close()


def test_an_escape_from_a_bundle_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting(member: tarfile.TarInfo) -> PurePosixPath:
        if not member.isreg() or "/" in member.name[3:] or "\0" in member.name:
            raise BundleRefused("planted")
        return PurePosixPath(member.name)

    monkeypatch.setattr("flyte_agent.bundle._safe", trusting)
    with pytest.raises(Broken, match="beside the root"):
        _fed("bundles")


def test_a_service_that_dies_of_a_message_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("flyte_executor.requests.set_aside", dies)
    with pytest.raises(RuntimeError, match="planted"):
        _fed("messages", 200)


def test_a_handler_that_crashes_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyte_dataproxy.core.keys.parts_of", lambda uri: uri.partition("/")[5])
    with pytest.raises(Broken, match="IndexError"):
        _fed("questions")


def test_a_signature_that_is_not_looked_at_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyte_dataproxy.http.verify", lambda *_: Verdict.VALID)
    with pytest.raises(Broken, match="was not signed"):
        _fed("dataproxy")


def test_an_answer_that_the_console_does_not_document_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("flyte_console.general.visitor", fails)
    with pytest.raises(Broken, match=r"(?s)GET /api/v1/session.*Server error"):
        _fed("console-interface")


def test_who_is_told_to_come_again_does_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = itertools.count()

    def busy(session: Session) -> Visitor:
        if next(asked) % 2:
            raise away("the registry is busy")
        return visitor(session)

    monkeypatch.setattr("flyte_console.general.visitor", busy)
    monkeypatch.setattr("flyte_console.http.replies.RETRY_AFTER_S", 0)
    _fed("console-interface", 40)
    assert next(asked) > 2


def test_a_line_that_is_let_into_a_dockerfile_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyte._images.dockerfile._quoted", str)
    monkeypatch.setattr("flyte._images.dockerfile._ends_elsewhere", lambda line: False)
    with pytest.raises(Broken, match=r"nobody declared|goes on"):
        _fed("images")


def test_a_traceback_on_the_command_line_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashes(*_: object) -> None:
        raise SystemExit(70)

    monkeypatch.setattr("flyte._cli.main._log_variables", crashes)
    with pytest.raises(Broken, match="ended with 70"):
        _fed("commands", 40)


def test_the_same_seed_is_the_same_input() -> None:
    assert input_of(3) == input_of(3) != input_of(4)
