"""Declaring environments and tasks, and being told what cannot be declared."""

import datetime
from typing import Any

import pytest

import flyte
from flyte._environment import declared


def test_environments_are_known_in_the_order_of_their_creation() -> None:
    names = ["one", "two-2", "three_3"]
    for name in names:
        flyte.TaskEnvironment(name=name)
    assert [environment.name for environment in declared()] == names


@pytest.mark.parametrize("name", ["Env", "my env", "-a", "a-", "a--b", "a.b", "", "ä"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        flyte.TaskEnvironment(name=name)


@pytest.mark.parametrize(
    "options",
    [
        {"resources": {"cpu": 1}},
        {"env_vars": {"A": 1}},
        {"env_vars": ["A"]},
        {"image": 3},
        {"depends_on": ["other"]},
        {"interruptible": "yes"},
        {"name": 3},
    ],
)
def test_a_value_of_a_wrong_type_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        flyte.TaskEnvironment(**{"name": "env", **options})


@pytest.mark.parametrize(
    "options",
    [
        {"reusable": object()},
        {"secrets": "s"},
        {"pod_template": "p"},
        {"cache": "auto"},
        {"queue": "q"},
        {"include": ("a.txt",)},
    ],
)
def test_what_is_not_there_yet_says_so(options: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError, match="not supported yet"):
        flyte.TaskEnvironment(name="env", **options)


def test_a_refused_environment_is_not_declared() -> None:
    with pytest.raises(ValueError, match="not allowed"):
        flyte.TaskEnvironment(name="Bad")
    assert declared() == []


def test_an_environment_cannot_depend_on_itself_and_depends_once_on_another() -> None:
    one, two = flyte.TaskEnvironment(name="one"), flyte.TaskEnvironment(name="two")
    two.add_dependency(one, one)
    assert two.depends_on == [one]
    with pytest.raises(ValueError, match="itself"):
        two.add_dependency(two)


def test_a_task_knows_its_names_and_policies() -> None:
    env = flyte.TaskEnvironment(name="env", interruptible=True)

    @env.task
    def bare(x: int) -> int:
        """Says little."""
        return x

    @env.task(short_name="Shown", retries=3, timeout=datetime.timedelta(minutes=1), interruptible=False)
    async def full() -> None: ...

    assert list(env.tasks) == ["env.bare", "env.full"]
    assert (bare.name, bare.short_name, bare.is_async) == ("env.bare", "bare", False)
    assert (bare.__name__, bare.__doc__) == ("bare", "Says little.")
    assert bare.options.policies().interruptible
    assert (full.name, full.short_name, full.is_async) == ("env.full", "Shown", True)
    policies = full.options.policies()
    assert (policies.retries, policies.max_runtime_s, policies.interruptible) == (3, 60.0, False)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"retries": -1}, ValueError),
        ({"retries": 1.5}, TypeError),
        ({"retries": True}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"timeout": "1m"}, TypeError),
        ({"cache": "auto"}, NotImplementedError),
        ({"report": True}, NotImplementedError),
    ],
)
def test_a_bad_option_of_a_task_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    env = flyte.TaskEnvironment(name="env")
    with pytest.raises(error):
        env.task(**options)(lambda: None)


def test_only_functions_become_tasks() -> None:
    env = flyte.TaskEnvironment(name="env")

    def generator() -> Any:
        yield 1

    for thing in (generator, int, 3, env.task(lambda: None)):
        with pytest.raises(TypeError):
            env.task(thing)  # type: ignore[arg-type]


def test_resources_take_amounts_and_pairs() -> None:
    resources = flyte.Resources(cpu=("500m", 2), memory="2Gi", gpu="1", shm="auto").to_wire()
    assert (resources.cpu, resources.cpu_limit, resources.memory) == ("500m", "2", "2Gi")
    assert (resources.gpu, resources.shm, resources.disk) == ("1", "auto", None)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"cpu": -1}, ValueError),
        ({"cpu": (1, 2, 3)}, ValueError),
        ({"memory": 2}, TypeError),
        ({"gpu": 1.5}, TypeError),
    ],
)
def test_what_is_no_amount_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        flyte.Resources(**options)
