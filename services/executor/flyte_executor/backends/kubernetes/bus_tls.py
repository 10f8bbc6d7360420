"""By what a pod's agent knows the bus, and the bus a pod of ours: files of a Secret in the pod's namespace.

The kubelet writes the files anew when the Secret changes, and an agent takes what is there with its next
handshake. The task may read them, too: they say that it is a pod of ours, and its credentials say which.
"""

from typing import Any

from flyte_bus.security import CERT, KEY
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_schemas.trust import BUS_CA

FOLDER = "/etc/flyte/bus"
"""Where the files are, under the same names whatever they are called in the Secret."""
FILES = {BUS_CA: "ca.crt", CERT: "tls.crt", KEY: "tls.key"}
"""By the variable that names each, in the order of the keys in the settings."""
_READABLE = 0o444


def tls_variables(settings: KubernetesSettings) -> dict[str, str]:
    """The variables of an agent that name the files; none where the settings name no Secret."""
    return {variable: f"{FOLDER}/{file}" for variable, (_, file) in _of_keys(settings).items()}


def tls_files(settings: KubernetesSettings) -> dict[str, Any] | None:
    """The volume that has the files; None where the settings name no Secret."""
    if not settings.tls_secret:
        return None
    items = [{"key": key, "path": file} for key, file in _of_keys(settings).values()]
    return {"secret": {"secretName": settings.tls_secret, "defaultMode": _READABLE, "items": items}}


def without_executors_own(agents: dict[str, str]) -> dict[str, str]:
    """What an executor tells its agents, without the files by which it itself is known: pods lack them."""
    return {name: value for name, value in agents.items() if name not in (CERT, KEY)}


def _of_keys(settings: KubernetesSettings) -> dict[str, tuple[str, str]]:
    keys = settings.tls_keys if settings.tls_secret else ()
    return {variable: (key, file) for (variable, file), key in zip(FILES.items(), keys, strict=False)}
