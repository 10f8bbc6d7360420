"""The pod of each thing that a task can be told, as it is sent: it changes on purpose or not at all."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import flyte
from flyte_executor.backends.kubernetes.manifest import worker_pod
from flyte_executor.backends.kubernetes.nodes import NodeRule
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_schemas.events import RunSettings
from flyte_schemas.image import ImageSpec
from flyte_schemas.orders import PoolOrder
from flyte_schemas.policies import PodTemplate, Policies, Reuse
from flyte_schemas.pools import Pool
from testkit.golden import is_golden
from testkit.kubernetes_models import complaints
from testkit.pods import ENVIRONMENT, SITE, launch, pod

FOLDER = Path(__file__).parent / "pods"
GKE = "cloud.google.com/"
NODES = {
    "every": {"nodeSelector": {"team": "flyte"}},
    "interruptible": {
        "nodeSelector": {f"{GKE}gke-spot": "true"},
        "tolerations": [{"key": f"{GKE}gke-spot", "value": "true", "effect": "NoSchedule"}],
    },
    "T4": {"nodeSelector": {f"{GKE}gke-accelerator": "nvidia-tesla-t4"}},
    "A100": {"nodeSelector": {f"{GKE}gke-accelerator": "nvidia-tesla-a100"}},
    "A100/1g.5gb": {"nodeSelector": {f"{GKE}gke-gpu-partition-size": "1g.5gb"}},
    "TPU": {"nodeSelector": {f"{GKE}gke-tpu-topology": "{partition}"}},
    "V5P": {"nodeSelector": {f"{GKE}gke-tpu-accelerator": "tpu-v5p-slice"}},
    "AMD_GPU": {"nodeSelector": {"amd.com/gpu.product": "{device}"}},
    "NEURON": {"nodeSelector": {"neuron": "{device}"}},
    "HABANA_GAUDI": {"nodeSelector": {"gaudi": "{device}"}},
}
RULES = {key: NodeRule.model_validate(rule) for key, rule in NODES.items()}
REUSE = Reuse(min_replicas=1, max_replicas=2, concurrency=3, idle_ttl_s=90, scaledown_ttl_s=30)
WRITTEN: dict[str, Any] = {
    "nodeSelector": {"disk": "ssd"},
    "containers": [
        {
            "name": "mine",
            "image": "ignored:1",
            "command": ["sleep"],
            "env": [{"name": "FLYTE_HOME", "value": "/other"}, {"name": "MINE", "value": "$(FLYTE_HOME)/x"}],
            "resources": {"requests": {"memory": "1Gi"}, "limits": {"cpu": "4"}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        },
        {"name": "proxy", "image": "proxy:1"},
    ],
    "initContainers": [{"name": "fetch", "image": "fetch:1", "securityContext": {"runAsUser": 0}}],
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    "terminationGracePeriodSeconds": 90,
    "restartPolicy": "Always",
}
NAMED = {
    "apiVersion": "v1",
    "kind": "PodTemplate",
    "template": {
        "metadata": {"labels": {"cost": "research"}},
        "spec": {
            "containers": [{"name": "task", "image": "unused:1", "workingDir": "/work"}],
            "hostname": "here",
        },
    },
}


def gpu(asked: Any) -> dict[str, Any]:
    return pod(launch(resources=flyte.Resources(gpu=asked).to_wire()), nodes=RULES)


def resources(**asked: Any) -> dict[str, Any]:
    return pod(launch(resources=flyte.Resources(**asked).to_wire()))


def worker() -> dict[str, Any]:
    return worker_pod(
        PoolOrder(pool="my_env-0123", owner="executor1", site=SITE, idle_ttl_s=90, concurrency=3),
        Pool("my_env-0123", REUSE),
        launch(reuse=REUSE, policies=Policies(max_runtime_s=60)),
        KubernetesSettings(),
        name="my-env-0123-1",
        site=SITE,
        environment=ENVIRONMENT,
    )


FEATURES: dict[str, Callable[[], dict[str, Any]]] = {
    "plain": lambda: pod(launch()),
    "image-auto": lambda: pod(launch(image="auto"), image="default:1"),
    "cpu-memory": lambda: resources(cpu="500m", memory="2Gi"),
    "cpu-memory-limits": lambda: resources(cpu=(1, 2), memory=("1Gi", "2Gi")),
    "disk": lambda: resources(disk="10Gi"),
    "shm": lambda: resources(shm="512Mi"),
    "shm-auto": lambda: resources(shm="auto"),
    "gpu-any": lambda: gpu(2),
    "gpu-model": lambda: gpu("T4:1"),
    "gpu-partition": lambda: gpu(flyte.GPU("A100", 1, "1g.5gb")),
    "gpu-amd": lambda: gpu(flyte.AMD_GPU("MI300X")),
    "tpu": lambda: gpu(flyte.TPU("V5P", "2x2x1")),
    "neuron": lambda: gpu(flyte.Neuron("Trn1")),
    "gaudi": lambda: gpu(flyte.HABANA_GAUDI("Gaudi2")),
    "env-vars": lambda: pod(
        launch(
            env_vars={"A": "1", "B": "task's", "FLYTE_NATS_URL": "nats://mine", "HOME": "/work"},
            runs={"B": "run's", "C": "$(A) $B"},
        )
    ),
    "credentials": lambda: pod(launch(), credentials="bus-user", nats_url="nats://outside:4222"),
    "bus-tls": lambda: pod(launch(), tls_secret="bus-tls"),
    "secrets-env": lambda: pod(
        launch(
            secrets=(
                flyte.Secret("token", group="team").to_wire(),
                flyte.Secret("api-key").to_wire(),
                flyte.Secret("password", as_env_var="PGPASSWORD").to_wire(),
            )
        )
    ),
    "secrets-files": lambda: pod(
        launch(
            secrets=(
                flyte.Secret("token", group="team", mount=Path("/etc/flyte/secrets")).to_wire(),
                flyte.Secret("ca.crt", mount=Path("/etc/flyte/secrets")).to_wire(),
            )
        ),
        secret="shared",
    ),
    "service-account": lambda: pod(launch(), service_account="runner"),
    "service-account-of-run": lambda: pod(
        launch(settings=RunSettings(service_account="mine")), service_account="runner"
    ),
    "image-pull-secrets": lambda: pod(
        launch(image_spec=ImageSpec(registry="r", registry_secret="of-image")), image_pull_secrets=("of-all",)
    ),
    "labels": lambda: pod(
        launch(
            settings=RunSettings(
                labels={"team": "vision", "note": "not a value!", "flytejet.dev/site": "mine"},
                annotations={"why": "because it is nightly"},
            )
        )
    ),
    "interruptible": lambda: pod(launch(interruptible=True), nodes=RULES),
    "priority-class": lambda: pod(launch(), priority_class="batch"),
    "grace": lambda: pod(launch(), grace_s=7.5),
    "max-runtime": lambda: pod(launch(policies=Policies(max_runtime_s=60))),
    "read-only-root": lambda: pod(launch(), read_only_root=True),
    "user-of-image": lambda: pod(launch(), run_as_user=None),
    "user-root": lambda: pod(launch(), run_as_user=0),
    "pod-template": lambda: pod(
        launch(
            resources=flyte.Resources(cpu=2).to_wire(),
            pod_template=PodTemplate(
                spec=WRITTEN, primary_container_name="mine", labels={"a": "b"}, annotations={"c": "d e"}
            ),
        ),
        nodes=RULES,
        priority_class="batch",
    ),
    "pod-template-fuse": lambda: pod(launch(pod_template=flyte.PodTemplate().allow_fuse().to_wire())),
    "pod-template-named": lambda: pod(launch(pod_template=PodTemplate(name="big")), named=NAMED),
    "worker": worker,
}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_is_sent_as_it_always_was(feature: str) -> None:
    manifest = FEATURES[feature]()
    assert complaints(manifest) == []
    assert is_golden(FOLDER / f"{feature}.yaml", yaml.safe_dump(manifest, sort_keys=False, width=100))


def test_no_file_is_left_of_a_feature_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(FEATURES)


@pytest.fixture(scope="module")
def kubectl() -> str:
    """Kubernetes' command line, which needs no cluster for this."""
    found = shutil.which("kubectl")
    if found is None:
        pytest.skip("Kubernetes' own reading of manifests needs kubectl")
    return found


@pytest.mark.parametrize("feature", FEATURES)
def test_kubernetes_reads_every_word(feature: str, kubectl: str, tmp_path: Path) -> None:
    """kubectl reads the file into Kubernetes' own types and writes them: what they do not know is lost."""
    manifest = yaml.safe_load((FOLDER / f"{feature}.yaml").read_text())
    name, image = manifest["spec"]["containers"][0]["name"], manifest["spec"]["containers"][0]["image"]
    manifest["spec"]["containers"][0]["image"] = "another:1"  # there must be something to set
    (tmp_path / "pod.json").write_text(json.dumps(manifest))
    done = subprocess.run(
        [
            kubectl,
            "set",
            "image",
            "--local",
            "-f",
            str(tmp_path / "pod.json"),
            f"{name}={image}",
            "-o",
            "json",
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none")},
        capture_output=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr.decode()
    manifest["spec"]["containers"][0]["image"] = image
    assert without_nothing(json.loads(done.stdout)) == without_nothing(manifest)


def without_nothing(value: Any) -> Any:
    """The same without what is null or an empty mapping: Go writes some that nobody said."""
    if isinstance(value, dict):
        kept = {key: without_nothing(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != {}}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value
