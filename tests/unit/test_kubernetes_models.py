"""The validator of manifests finds what is wrong with one, and says where."""

import copy
from typing import Any

import pytest

from testkit.kubernetes_models import complaints

GOOD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "a.b",
        "namespace": "n",
        "labels": {"x/y": "z"},
        "annotations": {"A/why": "any text"},
    },
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "i:1",
                "env": [{"name": "A", "value": "1"}],
                "resources": {
                    "requests": {"cpu": "500m", "memory": "1Gi"},
                    "limits": {"cpu": 1, "memory": "1.5Gi"},
                },
                "ports": [{"containerPort": 80}],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                "securityContext": {"allowPrivilegeEscalation": False},
            }
        ],
        "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}],
        "securityContext": {"runAsNonRoot": True},
        "tolerations": [{"key": "t", "operator": "Exists"}],
        "nodeSelector": {"a": "b"},
    },
}
C = "spec.containers[0]"
PLANTED: list[tuple[list[str | int], Any, str]] = [
    (["kind"], "Pot", "kind: there is no model V1Pot"),
    (["specs"], {}, "specs: is no field of V1Pod"),
    (["spec"], [], "spec: [] is no V1PodSpec"),
    (["spec", "containers"], None, "spec: lacks containers"),
    (["spec", "containers"], [], "spec.containers: there is none"),
    (["spec", "containers", 0, "name"], None, f"{C}: lacks name"),
    (["spec", "containers", 0, "name"], "C", f"{C}.name: 'C' is no DNS label"),
    (["spec", "containers", 0, "image"], None, "spec.containers[c]: lacks image"),
    (["spec", "containers", 0, "image"], " i", f"{C}.image: ' i' is no image"),
    (
        ["spec", "containers", 0, "imagePullPolicy"],
        "Often",
        f"{C}.imagePullPolicy: 'Often' is none of Always",
    ),
    (["spec", "containers", 0, "args"], "x", f"{C}.args: 'x' is no list[str]"),
    (["spec", "containers", 0, "args"], ["x", 1], f"{C}.args[1]: 1 is no str"),
    (["spec", "containers", 0, "env", 0, "value"], 1, f"{C}.env[0].value: 1 is no str"),
    (["spec", "containers", 0, "env", 0, "value"], "\0", f"{C}.env[0].value: a variable's value holds"),
    (["spec", "containers", 0, "env", 0, "name"], "A B", f"{C}.env[0].name: 'A B' is no name of a variable"),
    (
        ["spec", "containers", 0, "env", 0, "valueFrom"],
        {"fieldRef": {"fieldPath": "status.podIP"}},
        "variable A has a value and a source",
    ),
    (
        ["spec", "containers", 0, "ports", 0, "containerPort"],
        True,
        f"{C}.ports[0].containerPort: True is no int",
    ),
    (["spec", "containers", 0, "ports", 0, "containerPort"], None, f"{C}.ports[0]: lacks containerPort"),
    (
        ["spec", "containers", 0, "resources", "limits", "cpu"],
        "1 core",
        f"{C}.resources.limits: '1 core' is no",
    ),
    (
        ["spec", "containers", 0, "resources", "limits", "cpu"],
        "100m",
        "asks for cpu 500m, and is limited to 100m",
    ),
    (["spec", "containers", 0, "resources", "limits", "a/b"], "500m", "a/b is counted in whole numbers"),
    (
        ["spec", "containers", 0, "resources", "requests", "a/b"],
        "1",
        "asks for a/b 1: as much must be its limit",
    ),
    (["spec", "containers", 0, "securityContext", "privileged"], True, "may not escalate its privileges"),
    (["spec", "containers", 0, "securityContext", "runAsUser"], 0, "runs as root, and must not"),
    (["spec", "containers", 0, "volumeMounts", 0, "name"], "w", "mounts 'w', which is no volume"),
    (["spec", "containers", 0, "volumeMounts", 0, "mountPath"], "", "volumeMounts[0].mountPath: '': no path"),
    (["spec", "initContainers"], [{"name": "c", "image": "i"}], "spec.containers: 'c' is there 2 times"),
    (["spec", "volumes", 0, "hostPath"], {"path": "/"}, "spec.volumes[v]: has not one source"),
    (["spec", "volumes", 0, "emptyDir", "sizeLimit"], "big", "emptyDir.sizeLimit: 'big' is no quantity"),
    (["spec", "restartPolicy"], "Once", "spec.restartPolicy: 'Once' is none of"),
    (["spec", "activeDeadlineSeconds"], 0, "spec.activeDeadlineSeconds: 0 is not between 1"),
    (["spec", "activeDeadlineSeconds"], 1.5, "spec.activeDeadlineSeconds: 1.5 is no int"),
    (["spec", "tolerations", 0, "value"], "v", "with Exists there is no value"),
    (["spec", "nodeSelector"], {"a": 1}, "spec.nodeSelector[a]: 1 is no str"),
    (["spec", "serviceAccountName"], "A_b", "'A_b' is no DNS subdomain"),
    (["metadata", "name"], None, "metadata: lacks name"),
    (["metadata", "name"], "a_b", "metadata.name: 'a_b' is no DNS subdomain"),
    (["metadata", "name"], "a" * 254, "is no DNS subdomain"),
    (["metadata", "namespace"], "a.b", "metadata.namespace: 'a.b' is no DNS label"),
    (["metadata", "namespace"], "a" * 64, "is no DNS label"),
    (["metadata", "labels", "x/y"], "not a value", "'not a value' is no value of label x/y"),
    (["metadata", "labels", "x/y"], "z" * 64, "is no value of label x/y"),
    (["metadata", "labels", "/y"], "z", "the prefix of '/y' is no DNS subdomain"),
    (["metadata", "annotations", "y y"], "z", "'y y' is no qualified name"),
    (["metadata", "annotations", "y"], "z" * 300_000, "annotations of more than 262144 bytes"),
]


def test_a_good_manifest_has_no_fault() -> None:
    assert complaints(GOOD) == []


@pytest.mark.parametrize(("path", "value", "complaint"), PLANTED, ids=[words for _, _, words in PLANTED])
def test_a_planted_mistake_is_found_and_it_alone(path: list[str | int], value: Any, complaint: str) -> None:
    manifest: Any = copy.deepcopy(GOOD)
    owner = manifest
    for step in path[:-1]:
        owner = owner[step]
    owner[path[-1]] = value
    found = complaints(manifest)
    assert any(complaint in word for word in found), found
    assert len(found) <= 2, found  # one mistake may be against a type and against a rule


def test_other_kinds_have_their_own_model() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    assert complaints(secret) == []
    assert complaints(secret | {"stringDate": {}}) == ["stringDate: is no field of V1Secret"]
    assert complaints({"gracePeriodSeconds": "1"}, "V1DeleteOptions") == ["gracePeriodSeconds: '1' is no int"]
