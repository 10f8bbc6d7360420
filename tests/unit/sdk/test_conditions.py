"""`flyte.new_condition`: what may be asked, and how a local run asks."""

import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flyte
from flyte import _local_attempt, errors
from flyte._runtime.questions import answer_from_text
from flyte_schemas.conditions import fitting
from testkit.cli import Cli
from testkit.terminal import typed_on_a_terminal, without_codes


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_local_attempt, "LOCAL_RETRY_DELAY_S", 0.0)


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="people")


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal that the process has for its standard input; what is written to it is typed there."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield ours
    os.close(ours)


def type_in(person: int, text: str) -> None:
    os.write(person, text.encode())


# -- what may be asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ({"name": "a0"}, ValueError, "'a0' cannot name a condition"),
        ({"name": "two words"}, ValueError, "white space"),
        ({"name": ""}, ValueError, "1 to 128 characters"),
        ({"name": 3}, ValueError, "3 cannot name a condition"),
        ({"data_type": dict}, TypeError, "data_type is bool, int, float or str"),
        ({"prompt_type": "html"}, ValueError, "'text' or 'markdown'"),
        ({"prompt": None}, TypeError, "prompt must be a string"),
        ({"description": 1}, TypeError, "description must be a string"),
        ({"timeout": 0}, ValueError, "more than 0 seconds"),
        ({"timeout": "1h"}, TypeError, "seconds or a timedelta"),
        ({"webhook": "https://x"}, TypeError, "flyte.ConditionWebhook"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_reason(
    words: dict[str, Any], error: type[Exception], said: str
) -> None:
    name = words.pop("name", "ok")
    with pytest.raises(error, match=said):
        flyte.new_condition(name, **words)


def test_only_a_task_can_ask() -> None:
    with pytest.raises(errors.NotInTaskContextError, match="in a task"):
        flyte.new_condition("ok")


@pytest.mark.parametrize(("url", "payload"), [("ftp://x/y", None), ("x", None), ("https://", None)])
def test_a_webhook_needs_an_address(url: str, payload: None) -> None:
    with pytest.raises(ValueError, match="https://host/path"):
        flyte.ConditionWebhook(url, payload)


def test_a_webhook_sends_json() -> None:
    with pytest.raises(TypeError, match="must be JSON data"):
        flyte.ConditionWebhook("https://x/y", {"when": object()})


@pytest.mark.parametrize(
    ("data_type", "value", "answer"),
    [
        ("bool", True, True),
        ("bool", 1, None),
        ("int", 3, 3),
        ("int", True, None),
        ("int", 3.0, None),
        ("float", 3, 3.0),
        ("float", True, None),
        ("float", float("nan"), None),
        ("str", "x", "x"),
        ("str", "x" * 65_537, None),
        ("str", 1, None),
    ],
)
def test_an_answer_is_of_the_type_that_was_asked_for(data_type: Any, value: Any, answer: Any) -> None:
    found = fitting(data_type, value)
    assert (found, type(found)) == (answer, type(answer))


@pytest.mark.parametrize(
    ("data_type", "text", "answer"),
    [
        ("bool", " Yes ", True),
        ("bool", "n", False),
        ("bool", "maybe", None),
        ("int", "-3", -3),
        ("int", "3.5", None),
        ("float", "1e3", 1000.0),
        ("float", "inf", None),
        ("str", "two words ", "two words "),
    ],
)
def test_what_a_person_types_is_read_as_the_type(data_type: Any, text: str, answer: Any) -> None:
    assert answer_from_text(data_type, text) == answer


# -- local runs ------------------------------------------------------------------------------------------


def test_a_local_run_asks_at_the_terminal_until_the_answer_fits(
    env: flyte.TaskEnvironment, person: int, capfd: pytest.CaptureFixture[str]
) -> None:
    @env.task
    async def asks() -> int:
        condition = await flyte.new_condition.aio(
            "boxes", prompt="How many?", data_type=int, description="Small."
        )
        first = await condition.wait.aio()
        return first + condition.wait()

    type_in(person, "many\n3\n")
    assert flyte.run(asks).outputs()[0] == 6
    said = capfd.readouterr().err
    assert "How many?\nSmall.\nboxes (a whole number): 'many' is not a whole number\n" in said


def test_a_sync_task_asks_too(env: flyte.TaskEnvironment, person: int) -> None:
    @env.task
    def asks() -> str:
        return flyte.new_condition("words", data_type=str).wait()

    type_in(person, "two words\n")
    assert flyte.run(asks).outputs()[0] == "two words"


def test_without_a_terminal_a_local_run_says_so(
    env: flyte.TaskEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    @env.task
    async def asks() -> bool:
        return await flyte.new_condition("ok", prompt="Go on?").wait.aio()

    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(errors.ConditionFailedError, match="'Go on\\?', and there is no terminal"):
            flyte.run(asks)


def test_nobody_who_answers_in_time_is_a_timeout(env: flyte.TaskEnvironment, person: int) -> None:
    @env.task
    async def asks() -> str:
        try:
            await flyte.new_condition("ok", timeout=0.05).wait.aio()
        except errors.ConditionTimedoutError as error:
            return f"{error.code}: {error}"
        return "answered"

    assert flyte.run(asks).outputs()[0] == "ConditionTimedoutError: nobody answered within 0.05 s"


def test_a_terminal_that_closes_is_no_answer(env: flyte.TaskEnvironment, person: int) -> None:
    @env.task
    async def asks() -> bool:
        return await flyte.new_condition("ok").wait.aio()

    type_in(person, "\x04")
    with pytest.raises(errors.ConditionFailedError, match="closed"):
        flyte.run(asks)


def test_a_task_that_is_tried_again_has_its_answer(env: flyte.TaskEnvironment, person: int) -> None:
    @env.task(retries=1)
    async def asks() -> int:
        answer = await flyte.new_condition("number", data_type=int).wait.aio()
        if flyte.ctx().attempt_number == 0:
            raise ValueError("once")
        return int(answer)

    type_in(person, "7\n8\n")
    assert flyte.run(asks).outputs()[0] == 7


def test_a_name_is_asked_once(env: flyte.TaskEnvironment) -> None:
    @env.task
    def other() -> None:
        flyte.new_condition("ok")

    @env.task
    async def asks() -> list[str]:
        flyte.new_condition("ok")
        found = []
        try:
            await flyte.new_condition.aio("ok")
        except errors.ConditionAlreadyExistsError as error:
            found.append(error.code)
        try:
            await other()
        except errors.RuntimeUserError as error:
            found.append(error.code)
        return found

    assert flyte.run(asks).outputs()[0] == ["ConditionAlreadyExistsError"] * 2


def test_a_condition_is_no_answer_by_itself(env: flyte.TaskEnvironment) -> None:
    @env.task
    async def asks() -> bool:
        return bool(flyte.new_condition("ok"))

    with pytest.raises(errors.RuntimeUserError, match=r"use its \.wait\(\)"):
        flyte.run(asks)


def test_a_traced_step_cannot_ask(env: flyte.TaskEnvironment) -> None:
    @flyte.trace
    async def step() -> bool:
        return await flyte.new_condition("ok").wait.aio()

    @env.task
    async def asks() -> bool:
        return await step()

    with pytest.raises(errors.BaseRuntimeError, match="outside of the trace"):
        flyte.run(asks)


FLOW = """
import flyte

env = flyte.TaskEnvironment(name="env")

@env.task
async def main() -> str:
    print("before")
    answer = await flyte.new_condition("name", prompt="Who?", data_type=str).wait.aio()
    print(f"hello {answer}")
    return answer
"""


def test_a_live_view_makes_room_for_the_question(tmp_path: Any) -> None:
    cli = Cli(tmp_path, {"FLYTE_HOME": str(tmp_path / "home")})
    cli.write("flow.py", FLOW)
    code, written = typed_on_a_terminal(cli, "run", "--local", "flow.py", "main", answer="World\n")
    assert code == 0, written
    plain = without_codes(written)
    assert "Who?\nname (a line of text): " in plain
    assert plain.index("before") < plain.index("Who?") < plain.index("hello World")
    assert "2 actions: 2 succeeded" in plain
