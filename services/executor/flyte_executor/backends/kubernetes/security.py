"""What a pod may not do: as little as runs a task, where its template does not say otherwise."""

from typing import Any

from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_executor.backends.kubernetes.template import Draft, fill, section

_USER = {"runAsUser", "runAsNonRoot"}
_MIGHT = ("SYS_ADMIN", "CAP_SYS_ADMIN")


def confine(draft: Draft, settings: KubernetesSettings) -> None:
    """Fill in both security contexts, of the pod and of the task's container. Raises LaunchFailed."""
    pod, primary = section(draft.spec, "securityContext"), section(draft.primary, "securityContext")
    fill(pod, {"seccompProfile": {"type": "RuntimeDefault"}})
    if settings.run_as_user is not None:
        fill(pod, {"fsGroup": settings.run_as_user, "fsGroupChangePolicy": "OnRootMismatch"})
    if not primary.get("privileged"):
        fill(section(primary, "capabilities"), {"drop": ["ALL"]})
    if not _is_mighty(primary):
        fill(primary, {"allowPrivilegeEscalation": False})
        if settings.run_as_user is not None and not _USER & (pod.keys() | primary.keys()):
            fill(primary if _others_say(draft) else pod, _user(settings.run_as_user))
    if settings.read_only_root:
        fill(primary, {"readOnlyRootFilesystem": True})


def _is_mighty(primary: dict[str, Any]) -> bool:
    """Whether its user gives it what only root can use, and what no API server lets be kept from it."""
    added = section(primary, "capabilities").get("add") if "capabilities" in primary else None
    has_might = isinstance(added, list) and any(name in added for name in _MIGHT)
    return has_might or bool(primary.get("privileged"))


def _user(user: int) -> dict[str, Any]:
    return {"runAsNonRoot": user != 0, "runAsUser": user, "runAsGroup": user}


def _others_say(draft: Draft) -> bool:
    """Whether another container names its user: what the pod says would hold for that one, too."""
    others = [one for one in draft.containers if one is not draft.primary]
    return any(_USER & section(one, "securityContext").keys() for one in others if "securityContext" in one)
