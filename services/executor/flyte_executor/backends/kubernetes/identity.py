"""Who a pod is: its name, its labels, and the order that it carries."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from flyte_executor.backends.kubernetes.names import LABEL_LIMIT, is_label_key, is_label_value
from flyte_schemas.orders import Order, PoolOrder
from flyte_schemas.subjects import AttemptKey
from flyte_schemas.words import Word

PREFIX = "flytejet.dev/"
"""Before each label and annotation of ours."""
SITE_LABEL, POOL_LABEL = f"{PREFIX}site", f"{PREFIX}pool"
ORDER, POOL_ORDER = "order", "pool-order"
"""The annotations, after our prefix, that hold what the agent of a pod was told, as JSON."""
MANAGED_BY = "app.kubernetes.io/managed-by"
PRIMARY = "kubectl.kubernetes.io/default-container"
"""The annotation that names the container which runs the task; kubectl shows the logs of that one."""
_DIGITS = 20
"""Of a hash, in hex: to find another attempt of the same name would take some 2**80 tries."""

_Told = TypeVar("_Told", bound=Word)


def pod_name(attempt: AttemptKey, site: str) -> str:
    """The same for the same attempt on the same site, so that it is started once; a DNS label."""
    digest = hashlib.sha256(f"{site} {attempt}".encode()).hexdigest()[:_DIGITS]
    readable = re.sub(r"[^a-z0-9]+", "-", f"{attempt.action.run.run}-{attempt.action.action}".lower())
    head = f"{readable[:32].strip('-')}-{attempt.attempt}"[: LABEL_LIMIT - _DIGITS - 1].strip("-")
    return f"{head}-{digest}"


def label_value(text: str) -> str:
    """`text` where it can be the value of a label; else what is readable of it, and a hash of all."""
    if is_label_value(text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[: LABEL_LIMIT - _DIGITS - 1].strip("-_.")
    return f"{readable}-{digest}" if readable else digest


def site_selector(site: str) -> str:
    """Selects the pods of a site, of attempts and of pools, from all others."""
    return f"{SITE_LABEL}={label_value(site)}"


def labels_of(told: Mapping[str, str], users: Mapping[str, str]) -> dict[str, str]:
    """What pods are selected by: ours, and of the user's those that Kubernetes takes."""
    kept = {key: value for key, value in users.items() if is_label_key(key) and is_label_value(value)}
    ours = {PREFIX + name: label_value(value) for name, value in told.items()}
    return without_ours(kept) | {MANAGED_BY: "flytejet"} | ours


def annotations_of(told: Mapping[str, str], users: Mapping[str, str]) -> dict[str, str]:
    """What is told of a pod in full: ours, and of the user's those that Kubernetes takes."""
    kept = {key: text for key, text in users.items() if is_label_key(key.lower())}
    return without_ours(kept) | {PREFIX + name: text for name, text in told.items()}


def without_ours(said: Mapping[str, str]) -> dict[str, str]:
    """What users say of a pod, but for names of ours: by these we know our pods."""
    return {key: text for key, text in said.items() if not key.lower().startswith(PREFIX)}


def order_of(pod: Mapping[str, Any]) -> Order | None:
    """The attempt that a pod was made for; None for a worker's pod, and for one that is not ours."""
    return _told(pod, ORDER, Order)


def pool_order_of(pod: Mapping[str, Any]) -> PoolOrder | None:
    """What the worker in a pod was told; None for any other pod."""
    return _told(pod, POOL_ORDER, PoolOrder)


def _told(pod: Mapping[str, Any], annotation: str, kind: type[_Told]) -> _Told | None:
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    try:
        return kind.model_validate_json(annotations.get(PREFIX + annotation) or "")
    except ValidationError:
        return None


def primary_of(pod: Mapping[str, Any]) -> str:
    """The name of the container that runs the task; a pod ends with it, whatever else is in it."""
    return str(((pod.get("metadata") or {}).get("annotations") or {}).get(PRIMARY, "primary"))
