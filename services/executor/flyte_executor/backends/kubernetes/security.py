"""What a pod may not do: as little as runs a task, where its template does not say otherwise."""

from typing import Any

from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_executor.backends.kubernetes.template import Draft, fill, section

_USER = {"runAsUser", "runAsNonRoot"}
_ESCALATES = {"SYS_ADMIN", "CAP_SYS_ADMIN"}
"""Who adds one of these cannot be kept from more: the API server refuses such a pod."""


def confine(draft: Draft, settings: KubernetesSettings) -> None:
    """Fill in both security contexts, of the pod and of the task's container. Raises LaunchFailed."""
    pod, primary = section(draft.spec, "securityContext"), section(draft.primary, "securityContext")
    fill(pod, {"seccompProfile": {"type": "RuntimeDefault"}})
    if settings.run_as_user is not None:
        fill(pod, {"fsGroup": settings.run_as_user, "fsGroupChangePolicy": "OnRootMismatch"})
        if not _USER & (pod.keys() | primary.keys()):
            fill(primary if _others_say(draft) else pod, _user(settings.run_as_user))
    if not primary.get("privileged"):
        capabilities = section(primary, "capabilities")
        fill(capabilities, {"drop": ["ALL"]})
        if not _ESCALATES & {str(name) for name in capabilities.get("add") or ()}:
            fill(primary, {"allowPrivilegeEscalation": False})
    if settings.read_only_root:
        fill(primary, {"readOnlyRootFilesystem": True})


def _user(user: int) -> dict[str, Any]:
    return {"runAsNonRoot": user != 0, "runAsUser": user, "runAsGroup": user}


def _others_say(draft: Draft) -> bool:
    """Whether another container names its user: what the pod says would hold for that one, too."""
    others = (one for one in draft.containers if one is not draft.primary)
    return any(_USER & (one.get("securityContext") or {}).keys() for one in others)
