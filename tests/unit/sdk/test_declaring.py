"""Declaring environments and tasks, and being told what cannot be declared."""

import datetime
import inspect
from pathlib import Path
from typing import Any

import pytest

import flyte
from flyte._environment import declared
from flyte._plan import closure


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
        {"reusable": object()},
        {"reusable": {"replicas": 2}},
        {"secrets": [3]},
        {"secrets": 3},
        {"pod_template": {"containers": []}},
        {"cache": True},
        {"queue": 3},
        {"description": 3},
    ],
)
def test_a_value_of_a_wrong_type_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        flyte.TaskEnvironment(**{"name": "env", **options})
    assert declared() == []


def test_a_refused_environment_is_not_declared() -> None:
    with pytest.raises(ValueError, match="not allowed"):
        flyte.TaskEnvironment(name="Bad")
    assert declared() == []


def test_reuse_and_a_plugin_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="choose one"):
        flyte.TaskEnvironment(name="env", reusable=flyte.ReusePolicy(), plugin_config=object())
    assert declared() == []


def test_a_long_description_is_cut() -> None:
    assert len(flyte.TaskEnvironment(name="env", description="x" * 300).description) == 255


def test_an_environment_cannot_depend_on_itself_and_depends_once_on_another() -> None:
    one, two = flyte.TaskEnvironment(name="one"), flyte.TaskEnvironment(name="two")
    two.add_dependency(one, one)
    assert two.depends_on == [one]
    with pytest.raises(ValueError, match="itself"):
        two.add_dependency(two)


def test_an_environment_without_tasks_is_deployed_along() -> None:
    base = flyte.Environment(name="base")
    env = flyte.TaskEnvironment(name="env", depends_on=[base])
    assert closure([env]) == (env, base)
    assert base.tasks == {}


def test_a_clone_has_all_but_the_tasks() -> None:
    base = flyte.Environment(name="base")
    env = flyte.TaskEnvironment(
        name="env",
        depends_on=[base],
        pod_template="fast",
        description="Said.",
        secrets="token",
        env_vars={"A": "1"},
        resources=flyte.Resources(cpu=1),
        interruptible=True,
        image="image:1",
        include=("data/*.csv",),
        cache="auto",
        reusable=flyte.ReusePolicy(replicas=3),
        queue="quick",
    )

    @env.task
    async def fn() -> None: ...

    clone = env.clone_with("clone", env_vars={"B": "2"}, queue="slow")
    names = list(inspect.signature(flyte.TaskEnvironment).parameters)
    same = {name for name in names if getattr(clone, name) == getattr(env, name)}
    assert set(names) - same == {"name", "env_vars", "queue"}
    assert (clone.name, clone.env_vars, clone.queue) == ("clone", {"B": "2"}, "slow")
    assert clone.tasks == {}
    assert declared() == [env, clone]
    assert clone.declared_in == Path(__file__)


def test_a_clone_may_drop_what_the_original_has() -> None:
    env = flyte.TaskEnvironment(name="env", reusable=flyte.ReusePolicy(replicas=3), interruptible=True)
    assert env.clone_with("a", reusable=None).reusable is None
    assert not env.clone_with("b", interruptible=False).interruptible
    with pytest.raises(TypeError, match="colour"):
        env.clone_with("c", colour="red")


def test_an_environment_is_not_made_of_tasks_that_have_one() -> None:
    env = flyte.TaskEnvironment(name="env")
    with pytest.raises(ValueError, match=r"env\.fn already belongs to environment 'env'"):
        flyte.TaskEnvironment.from_task("other", env.task(_named_fn))
    with pytest.raises(TypeError):
        flyte.TaskEnvironment.from_task("other", _named_fn)  # type: ignore[arg-type]
    assert flyte.TaskEnvironment.from_task("other", depends_on=[env]).depends_on == [env]


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
    assert bare.interruptible
    assert (full.name, full.short_name, full.is_async) == ("env.full", "Shown", True)
    assert (full.options.retries, full.options.timeout_s, full.interruptible) == (3, 60.0, False)


def test_a_task_says_otherwise_than_its_environment_or_has_what_it_says() -> None:
    env = flyte.TaskEnvironment(name="env", cache="auto", queue="quick", pod_template="fast")

    @env.task
    def inherits() -> None: ...

    @env.task(cache="off", queue="slow", pod_template=flyte.PodTemplate())
    def differs() -> None: ...

    assert (inherits.cache, inherits.queue, inherits.pod_template) == (env.cache, "quick", "fast")
    assert (differs.cache.is_enabled(), differs.queue) == (False, "slow")
    assert differs.pod_template == flyte.PodTemplate()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"retries": -1}, ValueError),
        ({"retries": 1.5}, TypeError),
        ({"retries": True}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"timeout": "1m"}, TypeError),
        ({"cache": "sometimes"}, ValueError),
        ({"cache": flyte.Cache("auto", ignored_inputs="y")}, ValueError),
        ({"report": 1}, TypeError),
        ({"max_inline_io_bytes": 0}, ValueError),
        ({"links": [object()]}, TypeError),
        ({"triggers": [object()]}, TypeError),
        ({"triggers": flyte.Trigger.daily("when")}, ValueError),
        ({"triggers": [flyte.Trigger.daily(), flyte.Trigger.daily()]}, ValueError),
        ({"pod_template": 3}, TypeError),
        ({"colour": "red"}, TypeError),
    ],
)
def test_a_bad_option_of_a_task_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    env = flyte.TaskEnvironment(name="env")
    with pytest.raises(error):
        env.task(**options)(_named_fn)
    assert env.tasks == {}


def test_a_task_of_a_reusable_environment_has_its_pod_and_may_be_a_plain_function() -> None:
    env = flyte.TaskEnvironment(name="env", reusable=flyte.ReusePolicy(concurrency=2))
    assert env.task(_named_fn).reusable == env.reusable
    with pytest.raises(ValueError, match="reusable"):
        env.task(pod_template="fast")

    @env.task
    async def fits() -> None: ...

    assert fits.reusable == env.reusable


def test_only_functions_become_tasks() -> None:
    env = flyte.TaskEnvironment(name="env")

    def generator() -> Any:
        yield 1

    for thing in (generator, int, 3, env.task(lambda: None)):
        with pytest.raises(TypeError):
            env.task(thing)  # type: ignore[arg-type]


async def test_a_task_can_be_executed_here_whether_it_is_sync_or_async() -> None:
    env = flyte.TaskEnvironment(name="env")

    @env.task
    async def later(x: int) -> int:
        return x + 1

    assert await later.execute(1) == 2
    assert await env.task(_named_fn).execute() == 1


def test_the_inputs_of_a_task_are_one_json_schema() -> None:
    env = flyte.TaskEnvironment(name="env")

    @env.task
    def fn(name: str, times: int = 1) -> str:
        return name * times

    schema = fn.json_schema
    assert list(schema["properties"]) == ["name", "times"]
    assert schema["required"] == ["name"]
    assert schema["properties"]["times"]["type"] == "integer"


def test_the_names_that_type_hints_use_are_there() -> None:
    env = flyte.TaskEnvironment(name="env")
    assert isinstance(env.task(_named_fn), flyte.AsyncFunctionTaskTemplate)
    assert flyte.TaskTemplate is flyte.Task
    assert isinstance(env, flyte.Environment)


def fn() -> int:
    return 1


_named_fn = fn


def test_a_task_tells_all_that_was_declared_of_it() -> None:
    env = flyte.TaskEnvironment("env", plugin_config={"workers": 3})

    @env.task(produces_artifacts=True, task_resolver="resolver")
    def one() -> None: ...

    assert (one.produces_artifacts, one.task_resolver, one.plugin_config) == (
        True,
        "resolver",
        {"workers": 3},
    )
    assert (one.parent_env, one.parent_env_name) == (env, "env")
