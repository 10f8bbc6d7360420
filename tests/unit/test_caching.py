"""What makes two calls the same call."""

from typing import Any

import pytest

from flyte_schemas.caching import cache_key
from flyte_schemas.literals import AnyLiteral, InlineLiteral, ReferencedLiteral
from flyte_schemas.policies import CacheRule
from flyte_schemas.task import Interface, Parameter

RULE = CacheRule(behavior="auto", version="v", ignored_inputs=("seed",))
X = Parameter(name="x", annotation="int", json_schema={"type": "integer"})
SIGNATURE = Interface(inputs=(X,))


def key(
    inputs: dict[str, Any],
    *,
    task: str = "env.fn",
    rule: CacheRule = RULE,
    interface: Interface = SIGNATURE,
) -> str:
    literals: dict[str, AnyLiteral] = {
        name: value if isinstance(value, ReferencedLiteral) else InlineLiteral(value=value)
        for name, value in inputs.items()
    }
    return cache_key(task, interface, rule, literals)


def reference(sha256: str, uri: str = "flyte://artifacts/p/d/x") -> ReferencedLiteral:
    return ReferencedLiteral(uri=uri, sha256=sha256 * 64, size_bytes=7)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"x": 1, "y": {"a": 1, "b": 2}}, {"y": {"b": 2, "a": 1}, "x": 1}),
        ({"x": 1, "seed": 4}, {"x": 1, "seed": 5}),
        ({"x": reference("a")}, {"x": reference("a", "flyte://artifacts/elsewhere")}),
        (
            {"x": {"path": "/here", "format": "", "name": None, "hash": "h"}},
            {"x": {"path": "/there", "format": "", "name": "n", "hash": "h"}},
        ),
        (
            {"x": [{"uri": "/here", "format": "parquet", "hash": "h"}]},
            {"x": [{"uri": "/there", "format": "parquet", "hash": "h"}]},
        ),
    ],
)
def test_these_calls_are_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    "other",
    [
        {"x": 2},
        {"x": "1"},
        {"x": 1.0},
        {"x": True},
        {"x": [1]},
        {"y": 1},
        {"x": 1, "y": None},
        {},
        {"x": reference("a")},
        {"x": {"path": "/a", "format": "", "hash": None}},
    ],
)
def test_another_value_is_another_call(other: dict[str, Any]) -> None:
    assert key({"x": 1}) != key(other)


def test_files_without_a_hash_are_told_apart_by_their_place() -> None:
    one, other = ({"x": {"path": path, "format": "", "hash": None}} for path in ("/a", "/b"))
    assert key(one) != key(other)


def test_a_large_value_counts_by_its_hash() -> None:
    assert key({"x": reference("a")}) != key({"x": reference("b")})


def test_task_signature_version_and_salt_count() -> None:
    floats = Interface(inputs=(X.model_copy(update={"json_schema": {"type": "number"}}),))
    described = Interface(inputs=(X.model_copy(update={"description": "A number."}),))
    keys = [
        key({"x": 1}),
        key({"x": 1}, task="env.other"),
        key({"x": 1}, interface=floats),
        key({"x": 1}, rule=RULE.model_copy(update={"version": "w"})),
        key({"x": 1}, rule=RULE.model_copy(update={"salt": "s"})),
    ]
    assert len(set(keys)) == len(keys)
    assert key({"x": 1}, interface=described) == keys[0]
