"""What of a task's declaration meets what of the cluster's rules, and what is refused in a sentence."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from flyte_executor.backends.kubernetes.manifest import context_of, template_name, worker_pod
from flyte_executor.backends.kubernetes.nodes import NodeRule
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_executor.backends.port import Launch, LaunchFailed
from flyte_schemas.events import RunSettings
from flyte_schemas.moments import LONGEST_S
from flyte_schemas.orders import PoolOrder
from flyte_schemas.policies import PodTemplate, Policies, Reuse, SecretReference
from flyte_schemas.pools import Pool
from flyte_schemas.subjects import AttemptKey, RunKey
from flyte_schemas.task import Accelerator, Resources
from testkit.kubernetes_models import complaints
from testkit.pods import ENVIRONMENT, SITE, launch, pod

GPU = NodeRule.model_validate({"nodeSelector": {"model": "{device}"}})


def primary(of: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = of["spec"]["containers"][0]
    return container


def device(quantity: int = 1, **fields: Any) -> Resources:
    return Resources(accelerator=Accelerator(**{"device_class": "GPU", "quantity": quantity, **fields}))


def written(**spec: Any) -> Launch:
    return launch(pod_template=PodTemplate(spec=spec))


def secret(key: str = "k", **fields: Any) -> dict[str, Any]:
    return {"secrets": (SecretReference(key=key, **fields),)}


REFUSED: dict[str, tuple[Launch, str]] = {
    "no image": (launch(image="auto"), "task my_env.my_task names no image: say image="),
    "image": (launch(image="a b"), "names 'a b', which is no image's address"),
    "amount": (launch(resources=Resources(memory="much")), "'much' is no amount"),
    "shm": (launch(resources=Resources(shm="-1")), "'-1' is no amount"),
    "limit": (
        launch(resources=Resources(cpu="2", cpu_limit="1500m")),
        "asks for cpu 2, and may have at most 1500m: raise the limit",
    ),
    "gpu": (launch(resources=Resources(gpu="fast")), "gpu 'fast' is no number of devices"),
    "class": (launch(resources=device(device_class="QPU")), "a device of class 'QPU' is not known"),
    "model": (launch(resources=device(device="T4")), 'have \'T4\' is not known: add {"T4": {"nodeSelector"'),
    "part": (launch(resources=device(partition="1g.5gb")), "nodes have '1g.5gb of GPU' is not known"),
    "topology": (
        launch(
            resources=device(device_class="TPU", partition="wide"),
            pod_template=PodTemplate(spec={"nodeName": "n"}),
        ),
        "'wide' is no topology of a TPU",
    ),
    "slice": (
        launch(
            resources=device(device_class="TPU", partition="4x8"),
            pod_template=PodTemplate(spec={"nodeName": "n"}),
        ),
        "a TPU slice of 4x8 has 32 chips: a pod runs on one machine",
    ),
    "group": (
        launch(**secret(group="My Team", as_env_var="K")),
        "no Kubernetes Secret can be called 'My Team'",
    ),
    "key": (launch(**secret("a/b", as_env_var="K")), "no Kubernetes Secret has a key 'a/b'"),
    "dots": (launch(**secret("..a", as_env_var="K")), "no Kubernetes Secret has a key '..a'"),
    "prefix": (launch(pod_template=PodTemplate(labels={"A_b/c": "d"})), "Kubernetes refuses: 'A_b/c'='d'"),
    "variable": (launch(**secret(as_env_var="FLYTE_HOME")), "secret 'k' cannot be the variable 'FLYTE_HOME'"),
    "mount": (launch(**secret(mount="/elsewhere")), "'k' not at '/elsewhere'"),
    "two secrets": (
        launch(secrets=(SecretReference(key="a", as_env_var="K"), SecretReference(key="b", as_env_var="K"))),
        "two secrets want to be the variable K",
    ),
    "file and folder": (
        launch(
            secrets=(
                SecretReference(key="team", mount="/etc/flyte/secrets"),
                SecretReference(key="k", group="team", mount="/etc/flyte/secrets"),
            )
        ),
        "secret 'team' would be a file where group 'team' has its folder",
    ),
    "account": (launch(settings=RunSettings(service_account="Me")), "no service account can be called 'Me'"),
    "namespace": (
        launch(attempt=AttemptKey(RunKey("My_project", "d", "r").action("a0"), 1)),
        "no namespace can be called 'My_project-d'",
    ),
    "another's namespace": (
        launch(attempt=AttemptKey(RunKey("my", "team-d", "r").action("a0"), 1)),
        "namespace 'my-team-d' is that of my-team/d, and cannot be that of my/team-d too",
    ),
    "no template": (launch(pod_template=PodTemplate(name="big")), "pod_template 'big' is not there"),
    "containers": (written(containers="x"), "containers of the task's pod_template is no list of mappings"),
    "section": (written(securityContext=1), "securityContext of the task's pod_template is no mapping"),
    "primary": (
        launch(pod_template=PodTemplate(primary_container_name="My")),
        "no container can be called 'My'",
    ),
    "label": (
        launch(pod_template=PodTemplate(labels={"a": "b c"})),
        "a label that Kubernetes refuses: 'a'='b c'",
    ),
    "annotation": (
        launch(pod_template=PodTemplate(annotations={"a b": "c"})),
        "an annotation that Kubernetes refuses: 'a b'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_pod_can_be_is_told_in_a_sentence(case: str) -> None:
    of, told = REFUSED[case]
    with pytest.raises(LaunchFailed) as refused:
        pod(of)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_any_device_of_a_class_needs_no_rule() -> None:
    container = primary(pod(launch(resources=device(3))))
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "3"}


def test_a_gpu_that_an_old_template_only_counts_is_asked_for() -> None:
    assert primary(pod(launch(resources=Resources(gpu="2"))))["resources"]["limits"] == {
        "nvidia.com/gpu": "2"
    }
    assert "resources" not in primary(pod(launch(resources=Resources(gpu="0"))))


def test_one_rule_of_a_class_may_place_every_model() -> None:
    made = pod(launch(resources=device(device="RTX PRO 6000")), nodes={"GPU": GPU})
    assert made["spec"]["nodeSelector"] == {"model": "RTX-PRO-6000"}
    assert "nodeSelector" not in pod(launch(resources=device()), nodes={"GPU": GPU})["spec"]


def test_a_part_may_be_a_resource_of_its_own() -> None:
    mig = NodeRule(resource="nvidia.com/mig-{partition}")
    rules = {"GPU": mig, "A100": NodeRule()}
    asked = device(device="A100", partition="1g.5gb")
    assert primary(pod(launch(resources=asked), nodes=rules))["resources"]["limits"] == {
        "nvidia.com/mig-1g.5gb": "1"
    }
    assert primary(pod(launch(resources=device()), nodes=rules))["resources"]["limits"] == {
        "nvidia.com/gpu": "1"
    }


def test_a_template_that_places_itself_needs_no_rule_of_a_model() -> None:
    of = launch(resources=device(device="T4"), pod_template=PodTemplate(spec={"nodeSelector": {"gpu": "t4"}}))
    assert pod(of)["spec"]["nodeSelector"] == {"gpu": "t4"}


def test_what_the_agent_is_told_nobody_overrides() -> None:
    agents = {"FLYTE_NATS_URL": "nats://mine", "FLYTE_AGENT_PATIENCE_S": "1"}
    env = [{"name": "FLYTE_NATS_URL", "value": "nats://theirs"}]
    of = launch(
        env_vars=agents,
        runs=agents,
        pod_template=PodTemplate(spec={"containers": [{"name": "primary", "env": env}]}),
    )
    told = {one["name"]: one.get("value") for one in primary(pod(of))["env"]}
    assert told["FLYTE_NATS_URL"] == "nats://bus:4222"
    assert "FLYTE_AGENT_PATIENCE_S" not in told


def test_files_by_which_the_executor_is_known_to_the_bus_are_not_for_pods() -> None:
    told = {**ENVIRONMENT, "FLYTE_NATS_CERT": "/mine/tls.crt", "FLYTE_NATS_KEY": "/mine/tls.key"}
    without = {one["name"]: one.get("value") for one in primary(pod(launch(), told=told))["env"]}
    assert not {"FLYTE_NATS_CERT", "FLYTE_NATS_KEY"} & without.keys()
    made = pod(launch(), told=told, tls_secret="bus-tls")
    own = {one["name"]: one.get("value") for one in primary(made)["env"]}
    assert own["FLYTE_NATS_CERT"] == "/etc/flyte/bus/tls.crt"


def test_a_secret_that_has_a_ca_alone_makes_it_known_and_gives_no_certificate() -> None:
    made = pod(launch(), tls_secret="bus-tls", tls_keys=("ca.pem",))
    named = {one["name"] for one in primary(made)["env"]}
    assert "FLYTE_NATS_CA" in named and "FLYTE_NATS_CERT" not in named
    (volume,) = [one["secret"] for one in made["spec"]["volumes"] if "secret" in one]
    assert volume["items"] == [{"key": "ca.pem", "path": "ca.crt"}]


def test_a_worker_of_a_pool_has_the_files_too() -> None:
    reuse = Reuse(min_replicas=1, max_replicas=1, idle_ttl_s=30, scaledown_ttl_s=30)
    made = worker_pod(
        PoolOrder(pool="q", owner="o", site=SITE, idle_ttl_s=30),
        Pool("q", reuse),
        launch(reuse=reuse),
        KubernetesSettings(tls_secret="bus-tls"),
        name="w",
        site=SITE,
        environment=ENVIRONMENT,
    )
    assert complaints(made) == []
    assert "/etc/flyte/bus" in {one["mountPath"] for one in primary(made)["volumeMounts"]}


def test_a_variable_that_no_pod_can_have_is_left_to_the_tasks_process() -> None:
    names = [one["name"] for one in primary(pod(launch(env_vars={"a b": "1", "Z": "\0", "A": "1"})))["env"]]
    assert "A" in names and not {"a b", "Z"} & set(names)


def test_a_users_variable_stands_before_a_secret_as_in_the_tasks_process() -> None:
    of = launch(env_vars={"K": "mine"}, **secret(as_env_var="K"))
    assert {"name": "K", "value": "mine"} in primary(pod(of))["env"]


def test_the_image_of_the_template_is_for_a_task_that_names_none() -> None:
    template = PodTemplate(spec={"containers": [{"name": "primary", "image": "theirs:1"}]})
    for of, image in (
        (launch(image="auto", pod_template=template), "theirs:1"),
        (launch(pod_template=template), None),
    ):
        made = primary(pod(of, image="default:1"))
        assert made["image"] == (image or of.template.image)
        assert {"name": "FLYTE_IMAGE", "value": made["image"]} in made["env"]


def test_the_users_volumes_and_mounts_stay() -> None:
    home = {"name": "flyte-home", "persistentVolumeClaim": {"claimName": "c"}}
    shm = {"name": "fast", "mountPath": "/dev/shm"}
    of = launch(
        resources=Resources(shm="1Gi"),
        pod_template=PodTemplate(
            spec={
                "volumes": [home, {"name": "fast", "emptyDir": {}}],
                "containers": [{"name": "primary", "volumeMounts": [shm]}],
            }
        ),
    )
    made = pod(of)
    assert made["spec"]["volumes"] == [home, {"name": "fast", "emptyDir": {}}]
    assert primary(made)["volumeMounts"] == [shm, {"name": "flyte-home", "mountPath": "/tmp/flytejet"}]
    assert complaints(made) == []


def test_what_is_null_in_a_template_is_filled_in() -> None:
    assert pod(written(enableServiceLinks=None, containers=None))["spec"]["enableServiceLinks"] is False


def test_a_template_is_not_changed_by_making_a_pod_of_it() -> None:
    template = PodTemplate(
        spec={"containers": [{"name": "primary", "env": [], "volumeMounts": []}], "volumes": []}
    )
    before = template.model_dump_json()
    assert pod(launch(pod_template=template)) == pod(launch(pod_template=template))
    assert template.model_dump_json() == before


@pytest.mark.parametrize(
    ("security", "of_pod", "of_container"),
    [
        ({"runAsUser": 0}, None, 0),
        ({"runAsNonRoot": True}, None, None),
        ({"privileged": True}, None, None),
        ({"capabilities": {"add": ["SYS_ADMIN"]}}, None, None),
        ({"capabilities": {"add": ["NET_RAW"]}}, 1000, None),
        ({"readOnlyRootFilesystem": True}, 1000, None),
    ],
)
def test_who_runs_it_is_the_users_where_he_says_so(
    security: dict[str, Any], of_pod: int | None, of_container: int | None
) -> None:
    made = pod(written(containers=[{"name": "primary", "securityContext": security}]))
    assert complaints(made) == []
    assert made["spec"]["securityContext"].get("runAsUser") == of_pod
    assert primary(made)["securityContext"].get("runAsUser") == of_container


def test_a_named_template_has_its_container_by_name_or_alone() -> None:
    of = launch(pod_template=PodTemplate(name="big"))
    assert template_name(of) == "big"
    several = [{"name": "side", "image": "s:1"}, {"name": "primary"}]
    made = pod(of, named={"template": {"spec": {"containers": several}}})
    assert [one["name"] for one in made["spec"]["containers"]] == ["side", "primary"]
    assert made["spec"]["containers"][1]["command"] == ["flyte-agent"]
    made = pod(of, named={"template": {"metadata": None, "spec": {"containers": several[:1]}}})
    assert [one["name"] for one in made["spec"]["containers"]] == ["side"]
    with pytest.raises(LaunchFailed, match="pod_template 'big' has several containers, and none is called"):
        pod(of, named={"template": {"spec": {"containers": [{"name": "one"}, {"name": "two"}]}}})


@pytest.mark.parametrize("name", ["../secrets/x", "?watch=true", "..", "a/b", "Big", "a" * 254, "a\n"])
def test_what_is_no_name_of_a_template_is_told_in_a_sentence(name: str) -> None:
    with pytest.raises(LaunchFailed) as refused:
        template_name(launch(pod_template=PodTemplate(name=name)))
    assert str(refused.value) == f"no PodTemplate can be called {name!r}, as the task's pod_template is"


def test_a_deadline_that_kubernetes_cannot_count_to_is_none() -> None:
    assert "activeDeadlineSeconds" not in pod(launch(policies=Policies(max_runtime_s=LONGEST_S)))["spec"]


def test_a_queue_may_be_a_cluster() -> None:
    settings = KubernetesSettings(contexts=("main", "gpus"))
    assert context_of(launch(), settings) == "main"
    assert context_of(launch(queue="gpus"), settings) == "gpus"
    assert context_of(launch(settings=RunSettings(queue="gpus")), settings) == "gpus"
    assert context_of(launch(queue="main", settings=RunSettings(queue="gpus")), settings) == "main"
    assert context_of(launch(queue="other"), settings) == "main"
    assert context_of(launch(queue="gpus"), KubernetesSettings()) is None


def test_a_worker_of_a_runs_own_pool_says_which_run() -> None:
    reuse = Reuse(min_replicas=1, max_replicas=1, idle_ttl_s=30, scaledown_ttl_s=30, scope="run")
    order = PoolOrder(pool="q", owner="o", site=SITE, idle_ttl_s=30)
    made = worker_pod(
        order,
        Pool("q", reuse),
        launch(reuse=reuse, interruptible=True),
        KubernetesSettings(nodes={"interruptible": NodeRule(nodeSelector={"spot": "true"})}),
        name="w",
        site=SITE,
        environment=ENVIRONMENT,
    )
    assert made["metadata"]["labels"]["flytejet.dev/run"] == "run1"
    assert "nodeSelector" not in made["spec"]  # it serves attempts, too, that may not be interrupted


def test_secrets_are_where_the_sdk_says() -> None:
    from flyte._secret import SECRETS_FOLDER

    mount = str(PurePosixPath(SECRETS_FOLDER))
    assert primary(pod(launch(**secret(mount=mount))))["volumeMounts"][-1]["mountPath"] == mount


def test_where_the_cluster_keeps_no_secrets_the_agent_asks_for_them() -> None:
    of = launch(
        secrets=(
            SecretReference(key="a", as_env_var="K"),
            SecretReference(key="b", mount="/etc/flyte/secrets"),
        )
    )
    given, asked = pod(of), pod(of, pod_secrets=False)
    names = [{one["name"] for one in primary(made)["env"]} for made in (given, asked)]
    assert names[0] - names[1] == {"K", "FLYTE_POD_SECRETS"}
    assert [volume["name"] for volume in asked["spec"]["volumes"]] == ["flyte-home"]
    assert "secretKeyRef" not in str(asked)
