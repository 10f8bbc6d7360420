"""By what a pod's agent knows our servers, and the bus a pod of ours: files of a Secret in its namespace.

The kubelet writes the files anew when the Secret changes, and an agent takes what is there with its next
handshake. The task may read them, too: they say that it is a pod of ours, and its credentials say which.
What the executor trusts by a file of its own, a pod is told in words.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flyte_bus.security import CERT, KEY
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_executor.backends.port import LaunchFailed
from flyte_schemas.trust import BUS_CA, CA, is_text

FOLDER = "/etc/flyte/bus"
"""Where the files are, under the same names whatever they are called in the Secret."""
FILES = {BUS_CA: "ca.crt", CERT: "tls.crt", KEY: "tls.key"}
"""By the variable that names each, in the order of the keys in the settings."""
_READABLE = 0o444
LONGEST_VARIABLE = 100_000
"""Bytes; Linux starts nothing with a variable of 131,072."""


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


def certificates_in_words(environment: Mapping[str, str], settings: KubernetesSettings) -> dict[str, str]:
    """The certificates in the files that the executor's variables name, by variable: whom it trusts.

    Raises LaunchFailed for a file that cannot be read, or that no variable holds.
    """
    given = tls_variables(settings)
    named = {name: environment.get(name, "") for name in (CA, BUS_CA) if name not in given}
    return {name: _words(name, file) for name, file in named.items() if file and not is_text(file)}


def _words(name: str, file: str) -> str:
    try:
        text = Path(file).read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise LaunchFailed(f"pods cannot be told whom to trust: {name} names {file}: {error}") from error
    if len(text) > LONGEST_VARIABLE:
        raise LaunchFailed(
            f"pods cannot be told whom to trust: {name} names {file} of {len(text):,} bytes, and a variable "
            f"holds {LONGEST_VARIABLE:,}: name a file with your own authorities alone"
        )
    return text


def _of_keys(settings: KubernetesSettings) -> dict[str, tuple[str, str]]:
    keys = settings.tls_keys if settings.tls_secret else ()
    return {variable: (key, file) for (variable, file), key in zip(FILES.items(), keys, strict=False)}
