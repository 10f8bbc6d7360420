"""What an API server refuses beside what the types of fields say: names, amounts, words, what must agree.

From Kubernetes' documentation (its pages on names, labels and quantities) and the messages of
its validation; written for themselves, so that they can contradict the code they check.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_QUANTITY = r"(?P<number>[0-9]+(\.[0-9]*)?|\.[0-9]+)(?P<unit>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?"
_POWERS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
ANNOTATIONS_LIMIT = 256 * 1024
_INT32 = 2**31

Check = Callable[[Any], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is checked of one field; `is_of_quantities`: its values are amounts, which may be numbers, too."""

    complaints: Check
    is_of_quantities: bool = False


def dns_label(name: Any) -> Iterator[str]:
    if not isinstance(name, str) or len(name) > 63 or not re.fullmatch(_LABEL, name):
        yield f"{name!r} is no DNS label"


def subdomain(name: Any) -> Iterator[str]:
    if not isinstance(name, str) or len(name) > 253 or not re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", name):
        yield f"{name!r} is no DNS subdomain"


def qualified(name: Any) -> Iterator[str]:
    """A key of a label, or the name of a resource."""
    head, slash, tail = str(name).rpartition("/")
    if slash and list(subdomain(head)):
        yield f"the prefix of {name!r} is no DNS subdomain"
    if len(tail) > 63 or not re.fullmatch(_QUALIFIED, tail):
        yield f"{name!r} is no qualified name"


def labels(said: Any) -> Iterator[str]:
    for key, value in said.items():
        yield from qualified(key)
        if not isinstance(value, str) or len(value) > 63 or not re.fullmatch(rf"({_QUALIFIED})?", value):
            yield f"{value!r} is no value of label {key}"


def annotations(said: Any) -> Iterator[str]:
    for key in said:
        yield from qualified(key.lower())
    if sum(len(str(part).encode()) for pair in said.items() for part in pair) > ANNOTATIONS_LIMIT:
        yield f"annotations of more than {ANNOTATIONS_LIMIT} bytes"


def amount(text: Any) -> Decimal | None:
    """The number that a quantity means; None when it is none."""
    found = re.fullmatch(_QUANTITY, str(text), re.ASCII)
    if found is None:
        return None
    number, unit = Decimal(found["number"]), found["unit"] or ""
    if unit in _BINARY:
        return number * Decimal(1024) ** _BINARY[unit]
    return number.scaleb(_POWERS[unit] if unit in _POWERS else int(unit[1:] or 0))


def quantity(text: Any) -> Iterator[str]:
    if isinstance(text, bool) or amount(text) is None:
        yield f"{text!r} is no quantity"


def quantities(said: Any) -> Iterator[str]:
    for name, text in said.items():
        yield from qualified(name)
        yield from quantity(text)
        number = amount(text)
        if "/" in name and number is not None and number != int(number):
            yield f"{name} is counted in whole numbers, not {text!r}"


def variable(name: Any) -> Iterator[str]:
    if not re.fullmatch(r"[-._a-zA-Z][-._a-zA-Z0-9]*", str(name)):
        yield f"{name!r} is no name of a variable"


def value_of_variable(text: Any) -> Iterator[str]:
    if "\0" in str(text):
        yield "a variable's value holds a zero byte"


def secret_key(key: Any) -> Iterator[str]:
    if (
        len(str(key)) > 253
        or not re.fullmatch(r"[-._a-zA-Z0-9]+", str(key))
        or re.match(r"\.\.|\.$", str(key))
    ):
        yield f"{key!r} is no key of a Secret"


def relative_path(path: Any) -> Iterator[str]:
    if str(path).startswith("/") or ".." in str(path).split("/"):
        yield f"{path!r} leads out of its volume"


def one_of(*words: str) -> Check:
    return lambda word: [] if word in words else [f"{word!r} is none of {', '.join(words)}"]


def between(least: int, most: int) -> Check:
    return lambda number: [] if least <= number <= most else [f"{number!r} is not between {least} and {most}"]


def image(name: Any) -> Iterator[str]:
    if not str(name) or str(name) != str(name).strip():
        yield f"{name!r} is no image"


def mode(bits: Any) -> Iterable[str]:
    return between(0, 0o777)(bits)


def toleration(said: Mapping[str, Any]) -> Iterator[str]:
    if said.get("operator") == "Exists" and said.get("value"):
        yield "with Exists there is no value"
    if not said.get("key") and said.get("operator") != "Exists":
        yield "without a key the operator is Exists"
    if said.get("tolerationSeconds") is not None and said.get("effect") != "NoExecute":
        yield "tolerationSeconds are for the effect NoExecute"


def each(check: Check) -> Check:
    return lambda items: [word for item in items for word in check(item)]


RULES: dict[tuple[str, str], Rule] = {
    ("V1Container", "image"): Rule(image),
    ("V1Container", "imagePullPolicy"): Rule(one_of("Always", "IfNotPresent", "Never")),
    ("V1Container", "name"): Rule(dns_label),
    ("V1EmptyDirVolumeSource", "medium"): Rule(one_of("", "Memory", "HugePages")),
    ("V1EmptyDirVolumeSource", "sizeLimit"): Rule(quantity),
    ("V1EnvVar", "name"): Rule(variable),
    ("V1EnvVar", "value"): Rule(value_of_variable),
    ("V1KeyToPath", "key"): Rule(secret_key),
    ("V1KeyToPath", "path"): Rule(relative_path),
    ("V1LocalObjectReference", "name"): Rule(subdomain),
    ("V1ObjectMeta", "annotations"): Rule(annotations),
    ("V1ObjectMeta", "labels"): Rule(labels),
    ("V1ObjectMeta", "name"): Rule(subdomain),
    ("V1ObjectMeta", "namespace"): Rule(dns_label),
    ("V1PodSecurityContext", "fsGroup"): Rule(between(0, _INT32 - 1)),
    ("V1PodSecurityContext", "fsGroupChangePolicy"): Rule(one_of("OnRootMismatch", "Always")),
    ("V1PodSecurityContext", "runAsGroup"): Rule(between(0, _INT32 - 1)),
    ("V1PodSecurityContext", "runAsUser"): Rule(between(0, _INT32 - 1)),
    ("V1PodSpec", "activeDeadlineSeconds"): Rule(between(1, _INT32 - 1)),
    ("V1PodSpec", "nodeSelector"): Rule(labels),
    ("V1PodSpec", "priorityClassName"): Rule(subdomain),
    ("V1PodSpec", "restartPolicy"): Rule(one_of("Always", "OnFailure", "Never")),
    ("V1PodSpec", "serviceAccountName"): Rule(subdomain),
    ("V1PodSpec", "terminationGracePeriodSeconds"): Rule(between(0, _INT32 - 1)),
    ("V1PodSpec", "tolerations"): Rule(each(toleration)),
    ("V1ProjectedVolumeSource", "defaultMode"): Rule(mode),
    ("V1ResourceRequirements", "limits"): Rule(quantities, is_of_quantities=True),
    ("V1ResourceRequirements", "requests"): Rule(quantities, is_of_quantities=True),
    ("V1SeccompProfile", "type"): Rule(one_of("RuntimeDefault", "Unconfined", "Localhost")),
    ("V1SecretKeySelector", "key"): Rule(secret_key),
    ("V1SecretKeySelector", "name"): Rule(subdomain),
    ("V1SecretProjection", "name"): Rule(subdomain),
    ("V1Toleration", "effect"): Rule(one_of("NoSchedule", "PreferNoSchedule", "NoExecute")),
    ("V1Toleration", "operator"): Rule(one_of("Exists", "Equal")),
    ("V1Volume", "name"): Rule(dns_label),
    ("V1VolumeMount", "mountPath"): Rule(
        lambda path: [] if path and ":" not in path else [f"{path!r}: no path"]
    ),
}


def across(document: Mapping[str, Any], model: str) -> Iterator[str]:
    """What does not agree within a pod; nothing of what is no pod."""
    spec = document.get("spec")
    if model != "V1Pod" or not isinstance(spec, Mapping):
        return
    metadata = document.get("metadata") or {}
    yield from (f"metadata: lacks {name}" for name in ("name", "namespace") if not metadata.get(name))
    if not spec.get("containers"):
        yield "spec.containers: there is none"
    volumes = _named(spec, "volumes")
    containers = [*_named(spec, "initContainers"), *_named(spec, "containers")]
    yield from _twice((one.get("name") for one in volumes), "spec.volumes")
    yield from _twice((one.get("name") for one in containers), "spec.containers")
    for one in volumes:
        if len(one.keys() - {"name"}) != 1:
            yield f"spec.volumes[{one.get('name')}]: has not one source, but {sorted(one.keys() - {'name'})}"
    known = {one.get("name") for one in volumes}
    for container in containers:
        place = f"spec.containers[{container.get('name')}]"
        yield from (f"{place}: {word}" for word in _of_container(container, known, spec))


def _of_container(container: Mapping[str, Any], volumes: set[Any], spec: Mapping[str, Any]) -> Iterator[str]:
    if not container.get("image"):
        yield "lacks image"
    mounts = _named(container, "volumeMounts")
    yield from _twice((one.get("mountPath") for one in mounts), "volumeMounts")
    yield from (
        f"mounts {one.get('name')!r}, which is no volume" for one in mounts if one.get("name") not in volumes
    )
    yield from _of_variables(_named(container, "env"))
    yield from _of_resources(container.get("resources") or {})
    yield from _of_security(container.get("securityContext") or {}, spec.get("securityContext") or {})


def _of_variables(variables: list[Mapping[str, Any]]) -> Iterator[str]:
    yield from _twice((one.get("name") for one in variables), "env")
    for one in variables:
        if one.get("value") and one.get("valueFrom"):
            yield f"variable {one.get('name')} has a value and a source"


def _of_resources(resources: Mapping[str, Any]) -> Iterator[str]:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, text in requests.items():
        asked, most = amount(text), amount(limits[name]) if name in limits else None
        if asked is not None and most is not None and asked > most:
            yield f"asks for {name} {text}, and is limited to {limits[name]}"
        if "/" in name and asked != most:
            yield f"asks for {name} {text}: as much must be its limit"


def _of_security(own: Mapping[str, Any], pods: Mapping[str, Any]) -> Iterator[str]:
    added = set((own.get("capabilities") or {}).get("add") or ())
    if own.get("allowPrivilegeEscalation") is False and (
        own.get("privileged") or added & {"SYS_ADMIN", "CAP_SYS_ADMIN"}
    ):
        yield "may not escalate its privileges, and has them"
    both = {**pods, **own}
    if both.get("runAsNonRoot") and both.get("runAsUser") == 0:
        yield "runs as root, and must not"


def _named(owner: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = owner.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _twice(names: Iterable[Any], place: str) -> Iterator[str]:
    yield from (
        f"{place}: {name!r} is there {count} times" for name, count in Counter(names).items() if count > 1
    )
