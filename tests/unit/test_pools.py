"""Which actions share processes."""

import pytest

from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.policies import PodTemplate, Reuse
from flyte_schemas.pools import is_of_place, pool_of, runs_apart
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import BundleReference, Resources, TaskOverrides, TaskTemplate
from testkit.tasks import template

RUN, OTHER = RunKey("project", "domain", "run"), RunKey("project", "domain", "other")
REUSE = Reuse(min_replicas=1, max_replicas=2, concurrency=3, idle_ttl_s=60.0, scaledown_ttl_s=30.0)
BUNDLE = BundleReference(uri="flyte://x", sha256="a" * 64, md5="b" * 32, size_bytes=1)


def task(**changes: object) -> TaskTemplate:
    return template("env.fn").model_copy(update={"reuse": REUSE, "bundle": BUNDLE, **changes})


def name_of(task: TaskTemplate, version: str = "1", run: RunKey = RUN, **env_vars: str) -> str:
    pool = pool_of(task, version, run, env_vars)
    assert pool is not None
    return pool.name


def test_without_a_policy_a_process_serves_one_action() -> None:
    assert pool_of(task(reuse=None), "1", RUN, {}) is None
    assert pool_of(task().overridden(TaskOverrides(reuse_off=True)), "1", RUN, {}) is None


def test_the_seats_of_a_pool_are_its_processes_times_what_each_may_do() -> None:
    pool = pool_of(task(), "1", RUN, {})
    assert pool is not None
    assert (pool.seats, pool.kept) == (6, 1)
    assert pool.name.startswith("env-")


def test_tasks_of_an_environment_share_a_pool_whatever_the_run() -> None:
    other = task(name="env.other", short_name="other", is_async=True)
    assert name_of(task()) == name_of(other) == name_of(task(), run=OTHER) == name_of(task(), version="2")


@pytest.mark.parametrize(
    "change",
    [
        {"bundle": BUNDLE.model_copy(update={"sha256": "c" * 64})},
        {"environment": "env2"},
        {"image": "other"},
        {"env_vars": {"A": "1"}},
        {"resources": Resources(cpu="2")},
        {"reuse": REUSE.model_copy(update={"idle_ttl_s": 90.0})},
        {"pod_template": PodTemplate(name="big")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_makes_a_process_another_makes_another_pool(change: dict[str, object]) -> None:
    assert name_of(task(**change)) != name_of(task())


def test_so_do_the_variables_of_a_run_its_place_and_the_scope() -> None:
    assert name_of(task(), A="1") != name_of(task())
    assert name_of(task(), run=RunKey("project", "elsewhere", "run")) != name_of(task())
    of_run = task(reuse=REUSE.model_copy(update={"scope": "run"}))
    assert name_of(of_run) == name_of(of_run)
    assert name_of(of_run) != name_of(of_run, run=OTHER)


def test_whoever_it_is_to_a_cluster_has_a_pool_of_its_own() -> None:
    ones, others = (pool_of(task(), "1", RUN, {}, account) for account in ("one", "other"))
    assert ones != others
    assert ones != pool_of(task(), "1", RUN, {})


def test_code_that_is_in_the_image_is_told_apart_by_its_version() -> None:
    assert name_of(task(bundle=None)) != name_of(task(bundle=None), version="2")


def test_who_may_have_ended_a_shared_process_has_the_next_one_for_itself() -> None:
    def failed(code: str) -> Failure:
        return Failure(code=code, kind=FailureKind.USER, message="")

    assert runs_apart(REUSE, failed("SharedProcessEnded"))
    assert runs_apart(REUSE, failed("OOMKilled"))
    assert not runs_apart(REUSE, failed("ValueError"))
    assert not runs_apart(REUSE, None)
    assert not runs_apart(REUSE.model_copy(update={"concurrency": 1}), failed("OOMKilled"))


def test_the_name_of_a_pool_tells_whether_it_serves_a_place() -> None:
    name = name_of(task(environment="my-env"))
    assert is_of_place(name, "project", "domain")
    assert not is_of_place(name, "project", "other")
    assert not is_of_place(name, "other", "domain")
    assert not is_of_place("env", "project", "domain")
    assert len(name) == len("my-env-") + 2 * 20
    assert name.rpartition("-")[0] == "my-env"
