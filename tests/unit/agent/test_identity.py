"""The same call in the same parent has the same name, in every attempt."""

import re
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from flyte._runtime.identity import ChildNames, inputs_digest
from flyte_schemas.literals import InlineLiteral, Literals
from flyte_schemas.names import is_name
from flyte_schemas.subjects import ROOT_ACTION

calls = st.tuples(
    st.sampled_from(["env.one", "env.two"]), st.integers(0, 2), st.sampled_from([None, "group", "group\n1"])
)


def inputs(**values: object) -> Literals:
    return {name: InlineLiteral(value=value) for name, value in values.items()}


def names(parent: str, asked: list[tuple[str, int, str | None]]) -> list[str]:
    """The names that one attempt of `parent` gives to these calls."""
    attempt = ChildNames(parent)
    return [attempt.next(task, inputs(x=x), group) for task, x, group in asked]


@given(st.lists(calls, max_size=30))
def test_another_attempt_gives_the_same_names(asked: list[tuple[str, int, str | None]]) -> None:
    assert names("a0", asked) == names("a0", asked)


@given(st.lists(calls, max_size=30))
def test_no_two_calls_of_a_parent_have_one_name(asked: list[tuple[str, int, str | None]]) -> None:
    assert len(set(names("a0", asked))) == len(asked)


@given(st.lists(calls, max_size=30), st.randoms())
def test_the_order_among_different_calls_does_not_matter(
    asked: list[tuple[str, int, str | None]], random: Random
) -> None:
    shuffled = list(asked)
    random.shuffle(shuffled)
    assert sorted(names("a0", asked)) == sorted(names("a0", shuffled))


def test_each_part_of_a_call_counts() -> None:
    variants = [("env.one", 1, None), ("env.two", 1, None), ("env.one", 2, None), ("env.one", 1, "group")]
    assert len({name for variant in variants for name in names("a0", [variant])}) == len(variants)
    assert names("a0", variants) != names("a1", variants)


def test_the_order_of_the_inputs_does_not_matter() -> None:
    assert inputs_digest(inputs(x=1, y={"a": 1, "b": 2})) == inputs_digest(inputs(y={"b": 2, "a": 1}, x=1))
    assert inputs_digest(inputs(x=1)) != inputs_digest(inputs(x="1"))
    assert inputs_digest(inputs(x=1)) != inputs_digest(inputs(y=1))


def test_a_file_that_carries_a_hash_counts_by_it() -> None:
    here = {"path": "/here", "name": "a", "format": "", "hash": "h"}
    there = {**here, "path": "/there", "name": "b"}
    assert inputs_digest(inputs(files=[here])) == inputs_digest(inputs(files=[there]))
    assert inputs_digest(inputs(x=here)) != inputs_digest(inputs(x={**there, "hash": "g"}))
    assert inputs_digest(inputs(x=here | {"hash": None})) != inputs_digest(inputs(x=there | {"hash": None}))


def test_a_name_can_stand_in_a_subject_and_is_not_the_roots() -> None:
    name = ChildNames("a0").next("env.one", {}, None)
    assert is_name(name)
    assert re.fullmatch("a[0-9a-z]{19}", name)
    assert name != ROOT_ACTION


def test_names_stay_what_they_are() -> None:
    """A parent that began before an upgrade is tried again after it."""
    assert names("a0", [("env.one", 1, None), ("env.one", 1, None), ("env.one", 1, "g")]) == [
        "ayzj5dmztmr6cqnhkpcy",
        "akh37az9b0v5g22s4c8c",
        "azthfwtmou9j6unar752",
    ]
