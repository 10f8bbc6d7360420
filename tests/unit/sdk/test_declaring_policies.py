"""Resources, devices, cache, retries, times, reuse, secrets and pods: what they take and what they mean."""

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import flyte
from flyte._cache import VersionParameters


def test_resources_take_amounts_and_pairs() -> None:
    resources = flyte.Resources(cpu=("500m", 2), memory="2Gi", gpu="1", shm="auto").to_wire()
    assert (resources.cpu, resources.cpu_limit, resources.memory) == ("500m", "2", "2Gi")
    assert (resources.gpu, resources.shm, resources.disk) == ("1", "auto", None)
    for amount in ("1", "0.5", "500m", "1e3", "128974848", "1.5Gi", "129M", "1Ki"):
        assert flyte.Resources(cpu=amount, memory=amount, disk=amount).disk == amount


@pytest.mark.parametrize(
    ("gpu", "wanted"),
    [
        (2, flyte.Device(2, "GPU")),
        ("2", flyte.Device(2, "GPU")),
        ("T4:1", flyte.Device(1, "GPU", "T4")),
        ("A100 80G:8", flyte.Device(8, "GPU", "A100 80G")),
        ("L40s:2", flyte.GPU("L40s", 2)),
        ("V100:1", flyte.GPU("V100", 1)),
        ("V5P:4", flyte.Device(4, "TPU", "V5P")),
        ("Trn1:1", flyte.Neuron("Trn1")),
        (flyte.GPU("A100", 1, "1g.5gb"), flyte.Device(1, "GPU", "A100", "1g.5gb")),
        (flyte.TPU("V5P", "2x2x1"), flyte.Device(1, "TPU", "V5P", "2x2x1")),
        (flyte.AMD_GPU("MI300X"), flyte.Device(1, "AMD_GPU", "MI300X")),
        (flyte.HABANA_GAUDI("Gaudi1"), flyte.Device(1, "HABANA_GAUDI", "Gaudi1")),
        (None, None),
        (0, None),
    ],
)
def test_what_gpu_means(gpu: Any, wanted: flyte.Device | None) -> None:
    resources = flyte.Resources(gpu=gpu)
    assert resources.get_device() == wanted
    accelerator = resources.to_wire().accelerator
    assert (accelerator and accelerator.quantity) == (wanted and wanted.quantity)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"cpu": -1}, ValueError),
        ({"cpu": (1, 2, 3)}, ValueError),
        ({"memory": 2}, TypeError),
        ({"memory": "abc"}, ValueError),
        ({"memory": "1 GB"}, ValueError),
        ({"cpu": "two"}, ValueError),
        ({"disk": "auto"}, ValueError),
        ({"gpu": 1.5}, TypeError),
        ({"gpu": True}, TypeError),
        ({"gpu": -1}, ValueError),
        ({"gpu": "T4"}, ValueError),
        ({"gpu": "T5:1"}, ValueError),
        ({"gpu": "T4:9"}, ValueError),
        ({"gpu": ""}, ValueError),
    ],
)
def test_what_is_no_amount_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        flyte.Resources(**options)


def test_a_part_of_a_device_is_named_as_its_maker_does() -> None:
    with pytest.raises(ValueError, match=r"1g\.5gb"):
        flyte.GPU("A100", 1, "half")
    with pytest.raises(ValueError, match="2x2x1"):
        flyte.TPU("V5P", "4")


# -- cache ---------------------------------------------------------------------------------------------------


def version(source: str, salt: str = "") -> str:
    """The version of the function `fn` that this source defines."""
    import linecache

    name = f"<source {abs(hash(source))}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict[str, Any] = {}
    exec(compile(source, name, "exec"), space)
    return flyte.Cache("auto", salt=salt).get_version(VersionParameters(func=space["fn"]))


def test_a_computed_version_follows_what_the_function_does() -> None:
    one = version("def fn(x):\n    return x + 1\n")
    assert one == version("\n\ndef fn( x ):\n    # a comment\n    return x+1\n")
    assert one != version("def fn(x):\n    return x + 2\n")
    assert one != version("def fn(x):\n    return x + 1\n", salt="pepper")
    assert len(one) == 64


@pytest.mark.parametrize("word", ["auto", "enable", "Enabled", "on", "true", "yes"])
def test_words_that_switch_the_cache_on(word: str) -> None:
    assert flyte.TaskEnvironment(name="env", cache=word).cache.behavior == "auto"


@pytest.mark.parametrize("word", ["disable", "disabled", "OFF", "false", "no", "none"])
def test_words_that_switch_the_cache_off(word: str) -> None:
    assert not flyte.TaskEnvironment(name="env", cache=word).cache.is_enabled()


def test_a_version_of_ones_own_is_taken_as_it_is() -> None:
    cache = flyte.Cache("override", version_override="v1", ignored_inputs="x", serialize=True)
    assert (cache.get_version(), cache.get_ignored_inputs()) == ("v1", ("x",))


def test_caches_that_say_the_same_are_equal() -> None:
    assert flyte.Cache("auto") == flyte.Cache("enabled", ignored_inputs=[])
    assert flyte.Cache("auto") != flyte.Cache("auto", salt="pepper")


def test_policies_of_ones_own_are_asked() -> None:
    class Policy:
        def get_version(self, salt: str, params: Any) -> str:
            return f"{salt}-{params.func.__name__}"

    def fn() -> None: ...

    params = VersionParameters(func=fn)
    assert isinstance(Policy(), flyte.CachePolicy)
    one = flyte.Cache("auto", salt="a", policies=[Policy()]).get_version(params)
    assert one == flyte.Cache("auto", salt="a", policies=Policy()).get_version(params)
    assert one != flyte.Cache("auto", salt="b", policies=Policy()).get_version(params)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: flyte.Cache("sometimes"), ValueError),
        (lambda: flyte.Cache("override"), ValueError),
        (lambda: flyte.Cache("auto", version_override="v1"), ValueError),
        (lambda: flyte.Cache("auto", policies=[object()]), TypeError),  # type: ignore[list-item]
        (lambda: flyte.Cache("auto").get_version(), ValueError),
    ],
)
def test_a_cache_that_cannot_be_is_refused(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


# -- retries and times ---------------------------------------------------------------------------------------


def test_pauses_grow_to_their_cap() -> None:
    backoff = flyte.Backoff(base=1, factor=2, cap=datetime.timedelta(seconds=5))
    assert [backoff.compute_delay(n).total_seconds() for n in (0, 1, 2, 3, 5000)] == [1, 2, 4, 5, 5]
    assert flyte.Backoff(base=3).compute_delay(9) == datetime.timedelta(seconds=3)


@pytest.mark.parametrize("options", [{"factor": 0.5}, {"factor": 2.0}, {"base": -1}, {"cap": -1}])
def test_a_pause_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        flyte.Backoff(**{"base": 1, **options})


def test_a_number_of_retries_is_a_strategy() -> None:
    env = flyte.TaskEnvironment(name="env")
    strategy = flyte.RetryStrategy(2, flyte.Backoff(1))
    assert env.task(retries=2)(lambda: None).retries == flyte.RetryStrategy(2)
    assert env.task(retries=strategy)(lambda: None).retries == strategy
    with pytest.raises(ValueError, match="negative"):
        flyte.RetryStrategy(-1)


@pytest.mark.parametrize("timeout", [90, 90.0, datetime.timedelta(seconds=90), flyte.Timeout(max_runtime=90)])
def test_ways_to_say_a_timeout(timeout: Any) -> None:
    env = flyte.TaskEnvironment(name="env")
    assert env.task(timeout=timeout)(lambda: None).options.timeout_s == 90


@pytest.mark.parametrize("name", ["max_runtime", "max_queued_time", "deadline"])
def test_a_time_of_nothing_is_no_limit_and_a_negative_one_is_refused(name: str) -> None:
    assert flyte.Timeout(**{name: 0}).seconds(name) is None
    assert flyte.Timeout(**{name: datetime.timedelta(minutes=1)}).seconds(name) == 60
    with pytest.raises(ValueError, match=name):
        flyte.Timeout(**{name: -1})


# -- reuse, secrets, pods ------------------------------------------------------------------------------------


def test_a_pool_has_a_least_and_a_most() -> None:
    assert (flyte.ReusePolicy().min_replicas, flyte.ReusePolicy().max_replicas) == (2, 2)
    policy = flyte.ReusePolicy(replicas=(0, 4), idle_ttl=datetime.timedelta(minutes=5), concurrency=3)
    assert (policy.min_replicas, policy.max_replicas) == (0, 4)
    assert policy.get_scaledown_ttl() == datetime.timedelta(seconds=30)
    assert policy.to_wire().idle_ttl_s == 300


@pytest.mark.parametrize(
    "options",
    [
        {"replicas": (4, 1)},
        {"replicas": 0},
        {"replicas": (1, 2, 3)},
        {"idle_ttl": 29},
        {"scaledown_ttl": 1},
        {"scope": "world"},
        {"concurrency": 0},
    ],
)
def test_a_pool_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        flyte.ReusePolicy(**options)


def test_a_pool_of_one_warns() -> None:
    with pytest.warns(UserWarning, match="one action at a time"):
        flyte.ReusePolicy(replicas=1)


def test_a_secret_is_a_variable_named_after_it_unless_said_otherwise() -> None:
    assert flyte.Secret("api-key").as_env_var == "API_KEY"
    assert flyte.Secret("key", group="my-team").as_env_var == "MY_TEAM_KEY"
    assert flyte.Secret("key", as_env_var="TOKEN").as_env_var == "TOKEN"
    assert flyte.Secret("key", mount=Path("/etc/flyte/secrets")).as_env_var is None
    env = flyte.TaskEnvironment(name="env", secrets=["a", flyte.Secret("b")])
    assert env.secrets == (flyte.Secret("a"), flyte.Secret("b"))
    assert flyte.TaskEnvironment(name="other", secrets="a").secrets == (flyte.Secret("a"),)
    assert flyte.Secret("a").stable_hash() != flyte.Secret("b").stable_hash()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"key": ""}, ValueError),
        ({"key": 3}, TypeError),
        ({"key": "9lives"}, ValueError),
        ({"key": "a", "as_env_var": "lower"}, ValueError),
        ({"key": "a", "mount": Path("/tmp")}, ValueError),
    ],
)
def test_a_secret_that_cannot_be_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        flyte.Secret(**options)


def test_a_pod_is_written_as_kubernetes_reads_it() -> None:
    container = SimpleNamespace(
        attribute_map={"name": "name", "image_pull_policy": "imagePullPolicy", "image": "image"},
        name="main",
        image_pull_policy="Always",
        image=None,
    )
    spec = SimpleNamespace(attribute_map={"containers": "containers"}, containers=[container])
    pod = flyte.PodTemplate.from_spec(spec, labels={"a": "b"}).to_wire()
    assert pod.spec == {"containers": [{"name": "main", "imagePullPolicy": "Always"}]}
    assert (pod.primary_container_name, pod.labels) == ("main", {"a": "b"})


def test_a_pod_with_more_leaves_the_first_as_it_was() -> None:
    pod = flyte.PodTemplate({"containers": [{"name": "primary", "image": "x"}], "hostNetwork": True})
    more = pod.with_termination_grace_period(datetime.timedelta(minutes=2)).allow_fuse().allow_fuse()
    spec = more.to_k8s_pod()["spec"]
    assert spec["terminationGracePeriodSeconds"] == 120
    assert spec["volumes"] == [{"name": "fuse", "hostPath": {"path": "/dev/fuse"}}]
    (container,) = spec["containers"]
    assert container["securityContext"] == {"capabilities": {"add": ["SYS_ADMIN"]}}
    assert container["image"] == "x"
    assert pod.to_k8s_pod()["spec"] == {
        "containers": [{"name": "primary", "image": "x"}],
        "hostNetwork": True,
    }


def test_a_pod_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(TypeError):
        flyte.PodTemplate(pod_spec=object())
