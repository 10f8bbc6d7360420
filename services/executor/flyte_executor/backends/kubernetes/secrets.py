"""Secrets of a task as variables and files: a group is a Kubernetes Secret of the pod's namespace.

What is in no group is in the one that the settings name. Values never pass through here.
"""

from collections.abc import Iterable
from typing import Any

from flyte_executor.backends.kubernetes.names import is_secret_key, is_subdomain, is_variable
from flyte_executor.backends.port import LaunchFailed
from flyte_schemas.policies import SecretReference

FOLDER = "/etc/flyte/secrets"
"""Where secrets are files: `GROUP/KEY`, and `KEY` of what is in no group."""
_READABLE = 0o444


def secret_variables(secrets: Iterable[SecretReference], default: str) -> list[dict[str, Any]]:
    """The variables of a container that are secrets. Raises LaunchFailed."""
    variables = dict[str, dict[str, Any]]()
    for secret in secrets:
        if not secret.as_env_var:
            continue
        name, (of, key) = secret.as_env_var, _place(secret, default)
        if not is_variable(name) or name.startswith("FLYTE_"):
            raise LaunchFailed(f"secret {key!r} cannot be the variable {name!r}: say another as_env_var=…")
        variable = {"name": name, "valueFrom": {"secretKeyRef": {"name": of, "key": key}}}
        if variables.setdefault(name, variable) != variable:
            raise LaunchFailed(f"two secrets want to be the variable {name}: say as_env_var=… of one of them")
    return list(variables.values())


def secret_files(secrets: Iterable[SecretReference], default: str) -> dict[str, Any] | None:
    """The volume of those that are files, None without any. Raises LaunchFailed."""
    items = dict[str, dict[str, dict[str, str]]]()
    for secret in secrets:
        if secret.mount:
            if secret.mount.rstrip("/") != FOLDER:
                raise LaunchFailed(
                    f"secrets are mounted at {FOLDER}, and {secret.key!r} not at {secret.mount!r}"
                )
            of, key = _place(secret, default)
            path = f"{secret.group}/{key}" if secret.group else key
            items.setdefault(of, {})[path] = {"key": key, "path": path}
    paths = {path for of in items.values() for path in of}
    if taken := next((path for path in paths if any(other.startswith(f"{path}/") for other in paths)), None):
        raise LaunchFailed(f"secret {taken!r} would be a file where group {taken!r} has its folder")
    sources = [{"secret": {"name": of, "items": list(found.values())}} for of, found in items.items()]
    return {"projected": {"defaultMode": _READABLE, "sources": sources}} if sources else None


def _place(secret: SecretReference, default: str) -> tuple[str, str]:
    """The Kubernetes Secret, and the key in it. Raises LaunchFailed."""
    name = secret.group or default
    if not is_subdomain(name):
        raise LaunchFailed(
            f"no Kubernetes Secret can be called {name!r}, as the group of secret {secret.key!r} is: "
            "lower-case letters, digits, dashes and dots"
        )
    if not is_secret_key(secret.key):
        raise LaunchFailed(
            f"no Kubernetes Secret has a key {secret.key!r}: letters, digits, '-', '_' and '.'"
        )
    return name, secret.key
