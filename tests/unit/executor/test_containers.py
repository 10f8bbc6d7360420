"""The words by which an attempt becomes a container: a function of the launch, and nothing else."""

from typing import Any

import pytest

import flyte_agent.__main__
from flyte_executor.backends.containers import (
    AGENT,
    agent_words,
    container_name,
    image_of,
    resource_words,
    run_words,
)
from flyte_executor.backends.port import Launch, LaunchFailed
from flyte_executor.backends.told import variables_of
from flyte_executor.settings import from_environment
from flyte_schemas.orders import Order, PoolOrder
from flyte_schemas.subjects import AttemptKey, RunKey
from flyte_schemas.task import Accelerator, Resources
from testkit.tasks import template

ATTEMPT = AttemptKey(RunKey("p", "d", "run1").action("a0"), 2)


def launch(**changes: Any) -> Launch:
    return Launch(attempt=ATTEMPT, fence=7, template=template(**changes))


def test_the_words_say_who_it_is_and_what_the_agent_is_told() -> None:
    order = Order.of(ATTEMPT, 7)
    words = run_words(launch(), order, site="s", image="i:1", variables={"B": "secret", "A": "1"})
    name = container_name(ATTEMPT, "s")
    assert words[:6] == ["run", "--detach", "--name", name, "--network", "host"]
    assert [words[at + 1] for at, word in enumerate(words) if word == "--env"] == ["A", "B"]
    assert "secret" not in " ".join(words)
    assert words[words.index("--pids-limit") + 1] == "8192"
    assert words[words.index("--entrypoint") :] == [
        *("--entrypoint", "flyte-agent", "i:1", "attempt"),
        *("--project=p", "--domain=d", "--run=run1", "--action=a0", "--attempt=2", "--fence=7"),
    ]


def test_the_files_of_the_bus_are_where_they_are_here() -> None:
    variables = {"FLYTE_NATS_CA": "/c/ca.crt", "FLYTE_NATS_CERT": "/c/me.crt", "FLYTE_NATS_KEY": "/c/me.key"}
    words = run_words(launch(), Order.of(ATTEMPT, 7), site="s", image="i:1", variables=variables)
    mounted = [words[at + 1] for at, word in enumerate(words) if word == "--mount"]
    assert mounted == [f"type=bind,source={path},target={path},readonly" for path in variables.values()]
    inline = {"FLYTE_NATS_CA": "-----BEGIN CERTIFICATE-----\n…"}
    assert "--mount" not in run_words(launch(), Order.of(ATTEMPT, 7), site="s", image="i:1", variables=inline)


@pytest.mark.parametrize(
    "order",
    [
        Order(project="p", domain="d", run="-run", action="--fence", attempt=1, fence=7),
        PoolOrder(pool="--q", owner="-o", site="s", idle_ttl_s=1e-7, concurrency=2),
    ],
)
def test_an_agent_reads_its_order_back_whatever_the_names(
    order: Order | PoolOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Order | PoolOrder] = []
    monkeypatch.setattr("sys.argv", [AGENT, *agent_words(order)])
    monkeypatch.setattr("flyte_agent.run_attempt.run_order", lambda ordered: read.append(ordered) or 0)
    assert flyte_agent.__main__.main() == 0
    assert read == [order]


def test_a_name_is_the_same_for_the_same_attempt_of_a_site() -> None:
    assert container_name(ATTEMPT, "s") == container_name(ATTEMPT, "s")
    assert container_name(ATTEMPT, "s") != container_name(ATTEMPT, "other")
    assert container_name(ATTEMPT, "s").startswith("flyte-run1-a0-2-")


def test_the_agent_is_told_the_bus_and_not_what_is_this_machines_own() -> None:
    environment = {
        "FLYTE_NATS_URL": "nats://x",
        "FLYTE_LEASE_TTL_S": "5",
        "FLYTE_HOME": "/mine",
        "FLYTE_AWS_SECRET_ACCESS_KEY": "key",
        "FLYTE_DATAPROXY_ROOT": "s3://x",
        "FLYTE_EXECUTOR_SLOTS": "1",
        "PATH": "/bin",
    }
    assert variables_of(environment, "i:1") == {
        "FLYTE_NATS_URL": "nats://x",
        "FLYTE_LEASE_TTL_S": "5",
        "FLYTE_HOME": "/tmp/flytejet",
        "FLYTE_IMAGE": "i:1",
        "FLYTE_AGENT_SPARES": "0",
    }


def test_a_task_without_an_image_has_the_executors_or_is_told() -> None:
    assert image_of(launch(image="own:1"), "default:1") == "own:1"
    assert image_of(launch(image="auto"), "default:1") == "default:1"
    with pytest.raises(LaunchFailed, match="names no image: say image="):
        image_of(launch(image="auto"), "")


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        (Resources(), []),
        (Resources(cpu="500m"), ["--cpus", "0.5"]),
        (Resources(cpu="1", cpu_limit="2"), ["--cpus", "2"]),
        (Resources(memory="1Gi"), ["--memory", "1073741824", "--memory-swap", "1073741824"]),
        (Resources(memory="1Ki", memory_limit="2k"), ["--memory", "2000", "--memory-swap", "2000"]),
        (Resources(shm="1Mi"), ["--shm-size", "1048576"]),
        (Resources(gpu="1", accelerator=Accelerator(device_class="GPU", quantity=1)), ["--gpus", "1"]),
    ],
)
def test_resources_are_the_limits_of_a_container(resources: Resources, words: list[str]) -> None:
    assert resource_words(resources) == words


def test_an_amount_that_is_none_is_told() -> None:
    with pytest.raises(LaunchFailed, match="'much' is no amount"):
        resource_words(Resources(memory="much"))


def test_a_backend_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_EXECUTOR_BACKEND", "clouds")
    with pytest.raises(
        ValueError, match="FLYTE_EXECUTOR_BACKEND='clouds' is none of process, docker, kubernetes"
    ):
        from_environment()


def test_an_agent_in_a_container_is_told_where_spans_go_and_no_secret_of_it() -> None:
    told = variables_of(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=secret",
            "OTEL_SERVICE_NAME": "the-executor",
        },
        "image",
    )
    assert {name for name in told if name.startswith("OTEL_")} == {"OTEL_EXPORTER_OTLP_ENDPOINT"}
