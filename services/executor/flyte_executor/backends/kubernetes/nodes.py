"""Which nodes have what a pod asks for: rules of whoever runs the cluster, by kind of pod.

A rule's key is `every`, `interruptible`, a class of devices (`GPU`, `TPU`, `NEURON`, `AMD_GPU`,
`HABANA_GAUDI`), a model (`T4`), or a model and a part of it (`A100/1g.5gb`, `V5P/2x2x1`). All that match are
taken, and the more special wins. In the texts of a rule `{device}` and `{partition}` stand for what was asked
for; a text is left out where nothing was.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from flyte_executor.backends.kubernetes.names import is_label_key, is_label_value
from flyte_executor.backends.port import LaunchFailed
from flyte_schemas.task import Accelerator
from flyte_schemas.words import Word

EVERY, INTERRUPTIBLE = "every", "interruptible"
RESOURCES = {
    "GPU": "nvidia.com/gpu",
    "AMD_GPU": "amd.com/gpu",
    "TPU": "google.com/tpu",
    "NEURON": "aws.amazon.com/neuron",
    "HABANA_GAUDI": "habana.ai/gaudi",
}
"""What the vendors' device plugins call one device of each class."""
MAX_DEVICES = 16
"""Of one machine."""
NODES_SETTING = "FLYTE_EXECUTOR_K8S_NODES"
_TOPOLOGY = r"[1-9][0-9]{0,3}(x[1-9][0-9]{0,3})*"
_PLACEHOLDER = re.compile(r"\{(device|partition)\}")


def _key(text: str) -> str:
    if not is_label_key(text):
        raise ValueError(f"{text!r} is no name that Kubernetes accepts")
    return text


def _template(text: str) -> str:
    if not is_label_value(_PLACEHOLDER.sub("x", text)):
        raise ValueError(f"{text!r} is no value of a label")
    return text


_Key = Annotated[str, AfterValidator(_key)]
_Template = Annotated[str, AfterValidator(_template)]


class Toleration(Word):
    """A taint that a pod may meet, in the words of Kubernetes."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    tolerationSeconds: int | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Toleration":
        if not self.key and self.operator != "Exists":
            raise ValueError("a taint without a key is met by Exists")
        if self.value and self.operator == "Exists":
            raise ValueError("what Exists has no value: say Equal")
        if self.tolerationSeconds is not None and self.effect != "NoExecute":
            raise ValueError("tolerationSeconds go with the effect NoExecute")
        return self


class NodeRule(Word):
    """What a pod of some kind is told beside its template, in the words of Kubernetes.

    `resource`: what one device is called there, where it is not called as its vendor does.
    """

    resource: str | None = None
    nodeSelector: dict[_Key, _Template] = Field(default={})
    tolerations: tuple[Toleration, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a pod may run, and the devices that it asks for."""

    devices: dict[str, str] = field(default_factory=dict)
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[dict[str, object], ...] = ()


def place_of(
    device: Accelerator | None, rules: Mapping[str, NodeRule], *, interruptible: bool, places_itself: bool
) -> Place:
    """Where a pod may run that wants these devices. Raises LaunchFailed.

    `places_itself`: its template says where, so that no rule has to know the model.
    """
    found = [rules[key] for key in _keys(device, interruptible) if key in rules]
    if device is not None and not places_itself:
        _check_known(device, rules, found)
    devices, tolerations = _devices(device, found)
    for rule in found:
        tolerations += [one.model_dump(exclude_none=True) for one in rule.tolerations]
    selector = {key: value for rule in found for key, value in rule.nodeSelector.items()}
    return Place(
        devices=devices,
        node_selector={
            key: filled for key, value in selector.items() if (filled := _filled(value, device)) is not None
        },
        tolerations=tuple(one for at, one in enumerate(tolerations) if one not in tolerations[:at]),
    )


def _keys(device: Accelerator | None, interruptible: bool) -> Iterator[str]:
    """The rules that may hold, the most general one first."""
    yield EVERY
    if device is not None:
        yield device.device_class
        yield from (f"{device.device}{part}" for part in _parts(device) if device.device)
    if interruptible:
        yield INTERRUPTIBLE


def _parts(device: Accelerator) -> Iterator[str]:
    yield ""
    if device.partition:
        yield f"/{device.partition}"


def _check_known(device: Accelerator, rules: Mapping[str, NodeRule], found: list[NodeRule]) -> None:
    """Raises LaunchFailed for a model or a part of which nobody has said where it is: any would be given."""
    told = " ".join(text for rule in found for text in (rule.resource or "", *rule.nodeSelector.values()))
    part = f"{device.device}/{device.partition}"
    if device.device and not {device.device, part} & set(rules) and "{device}" not in told:
        raise LaunchFailed(_unknown(device.device, device.device))
    if device.partition and part not in rules and "{partition}" not in told:
        raise LaunchFailed(_unknown(f"{device.partition} of {device.device or device.device_class}", part))


def _unknown(what: str, key: str) -> str:
    rule = json.dumps({key: {"nodeSelector": {"LABEL": "VALUE"}}})
    return (
        f"which nodes have {what!r} is not known: add {rule} to {NODES_SETTING} of the executor, or say "
        "nodeSelector in the task's pod_template"
    )


def _devices(
    device: Accelerator | None, found: list[NodeRule]
) -> tuple[dict[str, str], list[dict[str, object]]]:
    """The devices asked for; nodes that have them keep off, by a taint of the same name, who does not."""
    if device is None:
        return {}, []
    usual = RESOURCES.get(device.device_class)
    named = [name for rule in found if rule.resource and (name := _filled(rule.resource, device))]
    resource = named[-1] if named else usual
    if resource is None or not is_label_key(resource):
        raise LaunchFailed(
            f"what Kubernetes calls a device of class {device.device_class!r} is not known: "
            f"say its resource in {NODES_SETTING} of the executor"
        )
    taint: dict[str, object] = {"key": usual or resource, "operator": "Exists", "effect": "NoSchedule"}
    return {resource: str(_quantity(device))}, [taint]


def _quantity(device: Accelerator) -> int:
    """How many; of a TPU's slice as many chips as its topology has, all of one machine."""
    if device.device_class != "TPU" or not device.partition:
        return device.quantity
    if not re.fullmatch(_TOPOLOGY, device.partition):
        raise LaunchFailed(f"{device.partition!r} is no topology of a TPU: write e.g. '2x2x1'")
    chips = math.prod(int(side) for side in device.partition.split("x")) * device.quantity
    if chips > MAX_DEVICES:
        raise LaunchFailed(
            f"a TPU slice of {device.partition} has {chips} chips: a pod runs on one machine, and that has "
            f"at most {MAX_DEVICES}"
        )
    return chips


def _filled(text: str, device: Accelerator | None) -> str | None:
    """The text with the device and the part that were asked for, None where none was.

    A dash stands for what no name can hold. Raises LaunchFailed.
    """
    said = {} if device is None else {"device": device.device, "partition": device.partition}
    if not all(said.get(found[1]) for found in _PLACEHOLDER.finditer(text)):
        return None
    filled = _PLACEHOLDER.sub(lambda found: re.sub(r"[^A-Za-z0-9_.-]+", "-", said[found[1]] or ""), text)
    if not (is_label_value(filled) or is_label_key(filled)):
        raise LaunchFailed(f"{filled!r}, by {NODES_SETTING} of the executor, is no name in Kubernetes")
    return filled
