"""What was declared is in the template, whether it acts yet or not; and what a call says otherwise."""

import datetime
from dataclasses import dataclass
from typing import Any

import pytest

import flyte
from flyte._template import declared_of, template_of
from flyte_schemas.policies import Backoff, CacheRule, Declared, Policies, SecretReference
from flyte_schemas.task import Source, TaskTemplate

SOURCE = Source(module="m", function="fn", file="m.py")


@dataclass
class Cluster:
    """A plugin's configuration, with a field that JSON does not know."""

    workers: int
    handle: Any = None


class Board:
    """A link."""

    name = "board"

    def get_link(self, *args: Any, **kwargs: Any) -> str:
        return "https://board"


def full() -> flyte.Task[..., Any]:
    """A task of which all is said."""
    env = flyte.TaskEnvironment(
        name="env",
        description="Said.",
        image=flyte.Image.from_debian_base((3, 12)).with_pip_packages("pandas"),
        resources=flyte.Resources(cpu=1, gpu="T4:2"),
        env_vars={"A": "1"},
        secrets="token",
        plugin_config=Cluster(workers=3, handle=object()),
        interruptible=True,
        cache=flyte.Cache("override", version_override="v7", ignored_inputs=("x",)),
        queue="quick",
        pod_template=flyte.PodTemplate({"hostNetwork": True}),
    )

    @env.task(
        short_name="Full",
        retries=flyte.RetryStrategy(3, flyte.Backoff(1, 2.0, 60)),
        timeout=flyte.Timeout(60, 30, datetime.timedelta(hours=1)),
        docs="Long.",
        report=True,
        max_inline_io_bytes=1000,
        triggers=[flyte.Trigger.daily(), flyte.Trigger.hourly()],
        links=[Board()],
        task_resolver=Cluster(workers=1),
        entrypoint=True,
        produces_artifacts=True,
    )
    def fn(x: int = 1) -> int:
        return x

    return fn


def test_all_that_is_declared_is_in_the_template() -> None:
    template = template_of(full(), SOURCE)
    assert template.policies == Policies(
        retries=3,
        backoff=Backoff(base_s=1, factor=2, cap_s=60),
        max_runtime_s=60,
        max_queued_s=30,
        deadline_s=3600,
        interruptible=True,
        cache=CacheRule(behavior="override", version="v7", ignored_inputs=("x",)),
    )
    usual = TaskTemplate(
        name=template.name,
        short_name="fn",
        environment="env",
        interface=template.interface,
        source=SOURCE,
        is_async=False,
    )
    said = {name for name in TaskTemplate.model_fields if getattr(template, name) != getattr(usual, name)}
    silent = set(TaskTemplate.model_fields) - said
    assert silent == {
        *("name", "environment", "description", "interface", "source", "is_async", "reuse", "bundle")
    }
    assert template.plugin_config == Declared(type="Cluster", fields={"workers": 3})
    assert template.image.startswith("flyte:")
    assert template.image_spec is not None
    assert [trigger.name for trigger in template.triggers] == ["daily", "hourly"]


def test_a_template_is_the_same_each_time_and_survives_the_wire() -> None:
    one, two = template_of(full(), SOURCE), template_of(full(), SOURCE)
    assert one.digest() == two.digest()
    assert TaskTemplate.model_validate_json(one.model_dump_json()) == one


def test_a_field_at_its_default_does_not_count_in_the_digest() -> None:
    template = template_of(full(), SOURCE)
    plain = template.model_copy(update={"queue": None})
    silent = {name: word for name, word in plain.model_dump().items() if name != "queue"}
    assert plain.digest() == TaskTemplate(**silent).digest()
    assert plain.digest() != template.digest()


def test_an_object_of_a_plugin_is_told_by_its_class_and_plain_fields() -> None:
    assert declared_of(Cluster) == Declared(type="Cluster")
    assert declared_of({"a": 1, "b": object()}) == Declared(type="dict", fields={"a": 1})


# -- overriding ----------------------------------------------------------------------------------------------


def test_an_override_is_another_task_of_the_same_name() -> None:
    fn = full()
    other = fn.override(retries=5, short_name="Other", env_vars={"B": "2"}, interruptible=False)
    assert (other.name, other.func, other.environment) == (fn.name, fn.func, fn.environment)
    assert (other.options.retries, other.short_name, other.env_vars) == (5, "Other", {"B": "2"})
    assert not other.interruptible
    assert (fn.options.retries, fn.short_name, fn.env_vars) == (3, "Full", {"A": "1"})
    assert fn.environment.tasks == {fn.name: fn}
    assert other(3) == 3


def test_what_an_override_changes_travels_and_nothing_else() -> None:
    fn = full()
    assert fn.overrides is None
    assert fn.override(retries=0, timeout=None, links=()).overrides is None
    other = fn.override(retries=5).override(secrets="other", interruptible=False)
    assert other.overrides is not None
    assert other.overrides.model_fields_set == {"policies", "secrets"}
    assert other.overrides.secrets == (SecretReference(key="other", as_env_var="OTHER"),)
    template = template_of(fn, SOURCE)
    changed = template.overridden(other.overrides)
    assert changed.policies == template.policies.model_copy(
        update={"retries": 5, "backoff": None, "interruptible": False}
    )
    assert changed.env_vars == template.env_vars
    assert template.overridden(None) is template


def test_the_template_of_an_override_is_the_template_overridden() -> None:
    fn = full()
    other = fn.override(
        short_name="Other",
        resources=flyte.Resources(memory="1Gi"),
        cache="disable",
        retries=flyte.RetryStrategy(1),
        timeout=5,
        env_vars={},
        secrets=[flyte.Secret("b")],
        max_inline_io_bytes=2000,
        pod_template="named",
        queue="slow",
        entrypoint=False,
        produces_artifacts=False,
        links=[Board(), Board()],
        plugin_config=Cluster(workers=9),
    )
    assert template_of(fn, SOURCE).overridden(other.overrides) == template_of(other, SOURCE)


def test_a_reused_process_is_overridden_only_when_it_is_given_up() -> None:
    env = flyte.TaskEnvironment(name="env", reusable=flyte.ReusePolicy())

    @env.task
    async def fn() -> None: ...

    with pytest.raises(ValueError, match="reusable='off'"):
        fn.override(resources=flyte.Resources(cpu=2))
    assert fn.override(retries=2).reusable == env.reusable
    other = fn.override(resources=flyte.Resources(cpu=2), reusable="off")
    assert other.reusable is None
    template = template_of(fn, SOURCE)
    assert template.reuse is not None
    assert template.overridden(other.overrides).reuse is None


@pytest.mark.parametrize("option", ["name", "image", "docs", "interface"])
def test_some_things_cannot_be_overridden(option: str) -> None:
    changes: dict[str, Any] = {option: "other"}
    with pytest.raises(ValueError, match=f"{option.capitalize()} cannot be overridden"):
        full().override(**changes)


@pytest.mark.parametrize(
    "options", [{"colour": 1}, {"resources": 1}, {"retries": "1"}, {"timeout": "1"}, {"env_vars": {"a": 1}}]
)
def test_a_bad_override_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        full().override(**options)


def test_a_local_run_of_an_override_runs_with_what_it_says() -> None:
    import os

    env = flyte.TaskEnvironment(name="env", env_vars={"WHO": "env"})
    attempts: list[str] = []

    @env.task
    def fn() -> str:
        attempts.append(os.environ["WHO"])
        if len(attempts) < 3:
            raise ValueError("not yet")
        return os.environ["WHO"]

    @env.task
    def parent() -> str:
        return fn.override(retries=flyte.RetryStrategy(2, flyte.Backoff(0)), env_vars={"WHO": "override"})()

    run = flyte.with_runcontext(mode="local").run(parent)
    assert run.outputs()[0] == "override"
    assert attempts == ["override"] * 3
