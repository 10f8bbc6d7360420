"""What agents, and with them tasks, are told of this process's environment: no secret of a service's."""

import re
from collections.abc import Mapping
from pathlib import Path

from flyte_bus.security import CREDS, PASSWORD, USER
from flyte_executor.backends.containers import HOME
from flyte_schemas.orders import SPARE_CREDENTIALS

_SECRETS = re.compile(
    r"FLYTE_(API_KEY|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY)|NOTIFIER_(SECRET|SMTP_URL)"
    r"|(EXECUTOR_AGENT|EXECUTOR_WORKER|CONSOLE|DATAPROXY)_KEY)"
)
"""Of the services, which no agent needs."""
_SHARED = (USER, PASSWORD, CREDS)
"""By which an executor is let in: no agent's, where each has credentials of its own."""
_SETTINGS = ("FLYTE_", "OTEL_")
"""What alone is told elsewhere than on this machine …"""
_OWN = re.compile(
    r"FLYTE_(HOME|SECRET_|HEALTH_|REGISTRY_|EXECUTOR_|DATAPROXY_|NOTIFIER_|SCHEDULER_|CONSOLE_(?!ENDPOINT)"
    r"|AWS_|IMAGE|AGENT_SPARES)|OTEL_(SERVICE_NAME|\w*HEADERS)"
)
"""… and this of it not; headers are mostly secrets, which a pod's manifest would show."""


def told_to_agents(environment: Mapping[str, str], spares: Path | None) -> dict[str, str]:
    """What a zygote is told: what this process was, but for secrets; by `spares` its agents are let in."""
    told = _without_secrets(environment)
    return told if spares is None else _without_shared(told) | {SPARE_CREDENTIALS: str(spares)}


def variables_of(environment: Mapping[str, str], image: str) -> dict[str, str]:
    """What an agent in a container or pod is told: our settings, but for what is this process's own."""
    passed = {
        name: value
        for name, value in _without_secrets(environment).items()
        if name.startswith(_SETTINGS) and not _OWN.match(name)
    }
    return passed | {"FLYTE_HOME": HOME, "FLYTE_IMAGE": image, "FLYTE_AGENT_SPARES": "0"}


def own_variables(variables: Mapping[str, str], credentials: str) -> dict[str, str]:
    """The same for an agent that has credentials of its own, in place of those that all would share."""
    return _without_shared(variables) | {CREDS: credentials}


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not _SECRETS.fullmatch(name)}


def _without_shared(told: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in told.items() if name not in _SHARED}
