"""The result of a sync task called on an event loop, used as the value that it stands for."""

import asyncio
import copy
import dataclasses
import inspect
import json
import logging
import math
import pickle
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np
import pytest

import flyte
from flyte._runtime.pending import resolved


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="env")


@pytest.fixture
def double(env: flyte.TaskEnvironment) -> Any:
    @env.task
    def double(x: int) -> int:
        return 2 * x

    return double


@pytest.fixture
def record(env: flyte.TaskEnvironment) -> Any:
    @env.task
    def record(x: int) -> dict[str, list[int]]:
        return {"items": [x, x + 1]}

    return record


def within(env: flyte.TaskEnvironment, body: Callable[[], Any]) -> Any:
    """What `body` gives, called in an async task on its event loop."""
    kept = []

    @env.task
    async def parent() -> None:
        found = body()
        kept.append(await found if asyncio.iscoroutine(found) else found)

    flyte.run(parent)
    return kept[0]


USES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "add": (lambda x: x + 1, 5),
    "radd": (lambda x: 1 + x, 5),
    "sub": (lambda x: x - 1, 3),
    "rsub": (lambda x: 1 - x, -3),
    "pow": (lambda x: pow(x, 2, 5), 1),
    "rpow": (lambda x: 2**x, 16),
    "divmod": (lambda x: divmod(x, 3), (1, 1)),
    "shift": (lambda x: 1 << x, 16),
    "negative": (lambda x: -x, -4),
    "equal": (lambda x: (x == 4, x == 4, x != 4), (True, True, False)),
    "less": (lambda x: (x < 5, x < 5, x >= 4), (True, True, True)),
    "both sides": (lambda x: (x + x, x == x, x < x), (8, True, False)),
    "bool": (lambda x: "yes" if x else "no", "yes"),
    "not": (lambda x: not x, False),
    "int": (int, 4),
    "float": (float, 4.0),
    "round": (lambda x: (round(x), math.floor(x), math.ceil(x), math.trunc(x), abs(x)), (4, 4, 4, 4, 4)),
    "index": (lambda x: list(range(x)), [0, 1, 2, 3]),
    "str": (str, "4"),
    "repr": (repr, "4"),
    "format": (lambda x: f"{x:03d} {x!r}", "004 4"),
    "percent": (lambda x: "%d" % x, "4"),  # noqa: UP031
    "join": (lambda x: ",".join(map(str, [x])), "4"),
    "isinstance": (lambda x: (isinstance(x, int), isinstance(x, str)), (True, False)),
    "abstract": (lambda x: isinstance(x, Mapping), False),
    "json": (lambda x: json.dumps({"a": [x]}), '{"a": [4]}'),
    "hash": (lambda x: {4: "four"}[x], "four"),
    "set": (lambda x: x in {4}, True),
    "max": (lambda x: max([1, x]), 4),
    "sorted": (lambda x: sorted([x, 1]) == [1, 4], True),
    "attribute": (lambda x: (x.real, x.bit_length()), (4, 3)),
    "pickle": (lambda x: pickle.loads(pickle.dumps(x)), 4),
    "copy": (lambda x: (copy.copy(x), copy.deepcopy([x])), (4, [4])),
    "dir": (lambda x: "bit_length" in dir(x), True),
}


@pytest.mark.parametrize("use", USES)
def test_a_sync_result_is_used_as_the_value(env: flyte.TaskEnvironment, double: Any, use: str) -> None:
    used, expected = USES[use]

    def body() -> Any:
        return used(double(2))

    assert within(env, body) == expected


RECORD_USES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "item": (lambda x: x["items"][1], 2),
    "get": (lambda x: x.get("nothing", 7), 7),
    "iterate": (list, ["items"]),
    "length": (len, 1),
    "contains": (lambda x: "items" in x, True),
    "unpack": (lambda x: {**x}, {"items": [1, 2]}),
    "arguments": (lambda x: dict(**x), {"items": [1, 2]}),
    "dict": (dict, {"items": [1, 2]}),
    "or": (lambda x: x | {"more": 1}, {"items": [1, 2], "more": 1}),
    "equal": (lambda x: x == {"items": [1, 2]}, True),
    "json": (json.dumps, '{"items": [1, 2]}'),
    "isinstance": (lambda x: (isinstance(x, dict), isinstance(x, Mapping)), (True, True)),
    "print": (lambda x: f"{x}", "{'items': [1, 2]}"),
}


@pytest.mark.parametrize("use", RECORD_USES)
def test_a_sync_result_that_is_a_dict_is_used_as_one(
    env: flyte.TaskEnvironment, record: Any, use: str
) -> None:
    used, expected = RECORD_USES[use]

    def body() -> Any:
        return used(record(1))

    assert within(env, body) == expected


def test_a_sync_result_can_be_changed(env: flyte.TaskEnvironment, record: Any) -> None:
    def body() -> Any:
        found = record(1)
        found["more"] = 3
        del found["items"]
        return dict(found)

    assert within(env, body) == {"more": 3}


@dataclasses.dataclass
class Price:
    close: float
    task: str


def test_no_attribute_of_the_value_is_hidden(env: flyte.TaskEnvironment) -> None:
    @env.task
    def price() -> Price:
        return Price(close=1.5, task="mine")

    def body() -> Any:
        found: Any = price()
        assert isinstance(found, Price)
        found.task = "yours"
        return found.close, found.task, found == Price(1.5, "yours")

    assert within(env, body) == (1.5, "yours", True)


def test_numpy_sees_the_value(env: flyte.TaskEnvironment, double: Any, record: Any) -> None:
    def body() -> Any:
        return np.sqrt(double(2)), np.mean([double(1), double(2)]), np.asarray(double(4)).dtype.kind

    assert within(env, body) == (2.0, 3.0, "i")


def test_it_is_an_awaitable_to_those_who_look_for_one(env: flyte.TaskEnvironment, double: Any) -> None:
    async def body() -> Any:
        found = double(1)
        looks = [inspect.isawaitable(found), isinstance(found, Awaitable), asyncio.iscoroutine(found)]
        return looks, await found, await found, found + 1

    assert within(env, body) == ([True, True, True], 2, 2, 3)


def test_values_that_hold_themselves_or_are_deep_are_left_as_they_are(
    env: flyte.TaskEnvironment, double: Any
) -> None:
    def body() -> None:
        round_about: list[Any] = []
        round_about.append(round_about)
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        assert double(1) == 2
        assert resolved(round_about) is round_about
        assert resolved(deep) is deep
        assert resolved([(double(1), {"a": {double(2)}})]) == [(2, {"a": {4}})]

    within(env, body)


def test_a_log_line_waits_for_its_values_before_it_holds_a_lock(
    env: flyte.TaskEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    @env.task
    def talk(x: int) -> int:
        flyte.logger.info("in the child")
        return x

    def body() -> None:
        flyte.logger.info("%s and %r", talk(1), talk(2))
        flyte.logger.info("alone %s", talk(3))
        logging.getLogger("mine").warning("%s", talk(4))

    within(env, body)
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.endswith("in the child")]) == 4
    assert any(line.endswith("1 and 2") for line in lines)
    assert any(line.endswith("alone 3") for line in lines)
