"""The environment of a task's container: the agent's, the task's secrets, the user's variables.

What the agent is told nobody overrides. The task's process sets the user's variables once more, so what
cannot stand in a pod (its name, or since it is one of the agent's) reaches the task all the same.
"""

from collections.abc import Mapping
from typing import Any

from flyte_bus.security import PASSWORD, USER
from flyte_executor.backends.containers import HOME
from flyte_executor.backends.kubernetes.bus_tls import tls_variables, without_executors_own
from flyte_executor.backends.kubernetes.names import is_variable
from flyte_executor.backends.kubernetes.secrets import secret_variables
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_executor.backends.kubernetes.template import Draft, items
from flyte_executor.backends.port import Launch
from flyte_executor.backends.told import variables_of

CREDENTIALS = (USER, PASSWORD)
"""Who the agent is on the bus: keys of the Secret that the settings name."""
GIVEN = "FLYTE_POD_SECRETS"
"""Tells the agent that it need not ask for secrets."""
_OURS = "FLYTE_"


def variables(
    launch: Launch,
    draft: Draft,
    settings: KubernetesSettings,
    environment: Mapping[str, str],
    image: str,
    own: dict[str, Any] | None,
) -> list[dict[str, Any]]:
    """All of them, as a container's `env`. Raises LaunchFailed. `own` lets its agent in by itself."""
    agents = without_executors_own(variables_of(environment, image)) | tls_variables(settings)
    if own is not None:
        agents = {name: value for name, value in agents.items() if name not in CREDENTIALS}
    if settings.nats_url:
        agents["FLYTE_NATS_URL"] = settings.nats_url
    users = launch.template.env_vars | (launch.requested.env_vars if launch.requested else {})
    told = {name: _plain(name, value) for name, value in sorted(agents.items())}
    if own is not None:
        told[own["name"]] = own
    for name in CREDENTIALS if settings.credentials and own is None else ():
        reference = {"secretKeyRef": {"name": settings.credentials, "key": name}}
        told[name] = {"name": name, "valueFrom": reference}
    if settings.pod_secrets and launch.template.secrets:
        told[GIVEN] = _plain(GIVEN, "1")
        for secret in secret_variables(launch.template.secrets, settings.secret):
            told[secret["name"]] = secret
    for name, value in users.items():
        if _stands_in_a_pod(name, value):
            told[name] = _plain(name, value)
    written = [one for one in items(draft.primary, "env") if one.get("name") not in told]
    if not any(one.get("name") == "HOME" for one in (*told.values(), *written)):
        told["HOME"] = _plain("HOME", HOME)
    return [*told.values(), *written]


def _plain(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": literal(value)}


def literal(text: str) -> str:
    """The text as it must be written so that no `$(NAME)` in it is replaced."""
    return text.replace("$", "$$")


def _stands_in_a_pod(name: str, value: str) -> bool:
    return is_variable(name) and not name.startswith(_OURS) and "\0" not in value
