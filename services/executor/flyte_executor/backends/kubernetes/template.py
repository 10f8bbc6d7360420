"""A task's pod template: what its user wrote stays, and what is missing is filled in.

Containers are known by their names, as Kubernetes' own merging does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flyte_executor.backends.kubernetes.names import is_dns_label, is_label_key, is_label_value
from flyte_executor.backends.port import LaunchFailed
from flyte_schemas.policies import PodTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A pod under way; `primary` is the container in `spec` that runs the task."""

    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Any]
    primary: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All of them, also those that run first."""
        return [*items(self.spec, "initContainers"), *items(self.spec, "containers")]


def draft_of(template: PodTemplate | None, named: Mapping[str, Any] | None) -> Draft:
    """What the user wrote, or what the cluster has by the name that he wrote. Raises LaunchFailed."""
    template = template or PodTemplate()
    if not template.name:
        spec, labels, annotations = template.spec, template.labels, template.annotations
    elif named is None:
        raise LaunchFailed(
            f"the task's pod_template {template.name!r} is not there: make a PodTemplate of that name in the "
            "namespace of its pods"
        )
    else:
        pod = _mapping(named.get("template"), "template")
        metadata = _mapping(pod.get("metadata"), "metadata")
        spec = _mapping(pod.get("spec"), "spec")
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    draft = _without_nothing(dict(spec))
    return Draft(
        labels=_labels(labels | template.labels),
        annotations=_annotations(annotations | template.annotations),
        spec=draft,
        primary=_primary(draft, template),
    )


def _primary(spec: dict[str, Any], template: PodTemplate) -> dict[str, Any]:
    """The container that runs the task, added where there is none of its name. Raises LaunchFailed."""
    containers = spec["containers"] = items(spec, "containers")
    named = [one for one in containers if one.get("name") == template.primary_container_name]
    if not named and template.name and len(containers) == 1:
        named = containers
    if named:
        return _checked(named[0])
    if template.name and containers:
        raise LaunchFailed(
            f"pod_template {template.name!r} has several containers, and none is called "
            f"{template.primary_container_name!r}: call the one that runs the task so"
        )
    containers.append({"name": template.primary_container_name})
    return _checked(containers[-1])


def _checked(container: dict[str, Any]) -> dict[str, Any]:
    if not is_dns_label(str(container.get("name", ""))):
        raise LaunchFailed(f"no container can be called {container.get('name')!r}, as one of pod_template is")
    return container


def items(owner: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of things in a spec, empty where there is none. Raises LaunchFailed when it is no such list."""
    found = owner.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise LaunchFailed(f"{name} of the task's pod_template is no list of mappings")
    return found


def section(owner: dict[str, Any], name: str) -> dict[str, Any]:
    """A mapping in a spec, made where there is none. Raises LaunchFailed when it is no mapping."""
    found = owner[name] = _mapping(owner.get(name), name)
    return found


def fill(owner: dict[str, Any], missing: Mapping[str, Any]) -> None:
    """Set what is not said."""
    for name, value in missing.items():
        owner.setdefault(name, value)


def add(owner: dict[str, Any], name: str, item: dict[str, Any], key: str = "name") -> None:
    """Add to a list of a spec, unless there is one by the same name. Raises LaunchFailed."""
    found = owner[name] = items(owner, name)
    if not any(one.get(key) == item[key] for one in found):
        found.append(item)


def mount(draft: Draft, name: str, path: str, volume: Mapping[str, Any], *, read_only: bool = False) -> None:
    """Give the task a volume at a path, unless the user has mounted another one there."""
    if any(one.get("mountPath") == path for one in items(draft.primary, "volumeMounts")):
        return
    add(draft.spec, "volumes", {"name": name, **volume})
    word = {"readOnly": True} if read_only else {}
    add(draft.primary, "volumeMounts", {"name": name, "mountPath": path, **word}, key="mountPath")


def _mapping(value: object, name: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise LaunchFailed(f"{name} of the task's pod_template is no mapping")
    return dict(value or {})


def _without_nothing(value: Any) -> Any:
    """A copy without what is null: that says nothing, and would keep us from filling it in."""
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items() if item is not None}
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        if not is_label_key(key) or not is_label_value(value):
            raise LaunchFailed(
                f"the task's pod_template has a label that Kubernetes refuses: {key!r}={value!r}"
            )
    return dict(labels)


def _annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    for key in annotations:
        if not is_label_key(key.lower()):
            raise LaunchFailed(f"the task's pod_template has an annotation that Kubernetes refuses: {key!r}")
    return dict(annotations)
