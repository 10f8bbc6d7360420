"""Pod templates: the parts of a Kubernetes pod that the platform's own words do not reach."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flyte._policies import seconds_of

if TYPE_CHECKING:
    from flyte_schemas.policies import PodTemplate as WirePodTemplate

_FUSE = "/dev/fuse"


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """A pod to start from; `pod_spec` is a mapping as in a manifest, or Kubernetes' own `V1PodSpec`.

    `primary_container_name` is the container that runs the task. Raises TypeError and ValueError.
    """

    pod_spec: Any = None
    primary_container_name: str = "primary"
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.primary_container_name, str):
            raise TypeError(f"primary_container_name is a string, not {self.primary_container_name!r}")
        if not self.primary_container_name:
            raise ValueError("primary_container_name must not be empty")
        if not isinstance(manifest(self.pod_spec or {}), dict):
            raise TypeError(f"pod_spec is a mapping or a V1PodSpec, not {self.pod_spec!r}")

    @classmethod
    def from_spec(
        cls,
        pod_spec: Any,
        *,
        primary_container_name: str | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> "PodTemplate":
        """A template of this spec; its only container is the primary one, unless another is named."""
        containers = manifest(pod_spec or {}).get("containers") or []
        only = containers[0].get("name") if len(containers) == 1 else None
        return cls(pod_spec, primary_container_name or only or "primary", labels, annotations)

    def with_termination_grace_period(self, termination_grace_period: int | timedelta) -> "PodTemplate":
        """The same with this long (seconds or timedelta) from SIGTERM to SIGKILL."""
        seconds = int(seconds_of("termination_grace_period", termination_grace_period))
        return replace(self, pod_spec={**self._spec(), "terminationGracePeriodSeconds": seconds})

    def allow_fuse(self, privileged: bool = False) -> "PodTemplate":
        """The same, and the task may mount file systems of user space."""
        security = {"privileged": True} if privileged else {"capabilities": {"add": ["SYS_ADMIN"]}}
        spec, primary = self._with_primary()
        _merge(primary.setdefault("securityContext", {}), security)
        _add(primary.setdefault("volumeMounts", []), {"name": "fuse", "mountPath": _FUSE})
        _add(spec.setdefault("volumes", []), {"name": "fuse", "hostPath": {"path": _FUSE}})
        return replace(self, pod_spec=spec)

    def allow_nested_sandboxing(self) -> "PodTemplate":
        """The same, and the task may make namespaces of its own."""
        spec, primary = self._with_primary()
        security = {"procMount": "Unmasked", "seccompProfile": {"type": "Unconfined"}}
        _merge(primary.setdefault("securityContext", {}), security)
        spec["hostUsers"] = False
        return replace(self, pod_spec=spec)

    def to_k8s_pod(self) -> dict[str, Any]:
        """The template as a manifest: `metadata` and `spec`."""
        metadata = {"labels": dict(self.labels or {}), "annotations": dict(self.annotations or {})}
        return {"metadata": metadata, "spec": self._spec()}

    def to_wire(self) -> "WirePodTemplate":
        from flyte_schemas.policies import PodTemplate as WirePodTemplate

        return WirePodTemplate(
            spec=self._spec(),
            primary_container_name=self.primary_container_name,
            labels=dict(self.labels or {}),
            annotations=dict(self.annotations or {}),
        )

    def _spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = copy.deepcopy(manifest(self.pod_spec or {}))
        return spec

    def _with_primary(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """A copy of the spec, and the primary container in it."""
        spec = self._spec()
        containers = spec.setdefault("containers", [])
        for container in containers:
            if container.get("name") == self.primary_container_name:
                return spec, container
        containers.append({"name": self.primary_container_name})
        return spec, containers[-1]


def pod_template_of(value: object) -> PodTemplate | str | None:
    """What `pod_template=` takes: a template, or the name of one that the cluster has. Raises TypeError."""
    if value is None or isinstance(value, PodTemplate | str):
        return value
    raise TypeError(f"pod_template must be a PodTemplate or the name of one, not {value!r}")


def pod_to_wire(value: PodTemplate | str | None) -> "WirePodTemplate | None":
    """The same as a word on the wire."""
    from flyte_schemas.policies import PodTemplate as WirePodTemplate

    return WirePodTemplate(name=value) if isinstance(value, str) else value.to_wire() if value else None


def manifest(value: Any) -> Any:
    """`value` as in a manifest; models of the Kubernetes client are known by their `attribute_map`."""
    names = getattr(value, "attribute_map", None)
    if isinstance(names, Mapping):
        found = {name: getattr(value, attribute) for attribute, name in names.items()}
        return {name: manifest(item) for name, item in found.items() if item is not None}
    if isinstance(value, Mapping):
        return {str(key): manifest(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [manifest(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{value!r} cannot stand in a pod's manifest")


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        there = into.setdefault(key, value)
        if isinstance(there, dict) and there is not value:
            _merge(there, value)
        elif isinstance(there, list) and there is not value:
            there.extend(item for item in value if item not in there)
        else:
            into[key] = value


def _add(items: list[dict[str, Any]], item: dict[str, Any]) -> None:
    if item not in items:
        items.append(item)
