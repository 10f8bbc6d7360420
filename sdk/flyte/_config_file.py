"""The configuration file: its sections and options, what variables say of them, and how one is written.

Each option can be said by a variable too, `FLYTE_<SECTION>_<OPTION>`, which wins over the file.
"""

import os
from collections.abc import Mapping
from typing import Any

OPTIONS: Mapping[str, Mapping[str, type]] = {
    "admin": {
        "endpoint": str,
        "insecure": bool,
        "insecureSkipVerify": bool,
        "caCertFilePath": str,
        "httpProxyURL": str,
        "disableKeyring": bool,
        "authType": str,
        "command": list,
        "proxyCommand": list,
        "clientId": str,
        "clientSecretLocation": str,
        "clientSecretEnvVar": str,
        "scopes": list,
    },
    "console": {"endpoint": str},
    "task": {"org": str, "project": str, "domain": str},
    "image": {"builder": str, "registry": str, "image_refs": dict},
    "local": {"persistence": bool, "tracked": bool, "tracked_strict": bool},
}

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


def variable_of(section: str, option: str) -> str:
    """The variable that says an option, e.g. `FLYTE_TASK_PROJECT`."""
    return f"FLYTE_{section}_{option}".upper()


def option(document: Mapping[str, Any], section: str, name: str) -> Any:
    """An option by its variable, else as the file has it; None when nobody says it. Raises ValueError."""
    variable = variable_of(section, name)
    if (said := os.environ.get(variable)) is not None:
        return _parsed(variable, OPTIONS[section][name], said)
    part = document.get(section)
    return part.get(name) if isinstance(part, Mapping) else None


def written(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """A file's text with the options that are not None."""
    import yaml

    said = {
        section: {name: value for name, value in options.items() if value is not None}
        for section, options in sections.items()
    }
    text: str = yaml.safe_dump({key: value for key, value in said.items() if value}, sort_keys=False)
    return text


def _parsed(variable: str, kind: type, text: str) -> Any:
    if kind is bool:
        if text.lower() in _TRUE or text.lower() in _FALSE:
            return text.lower() in _TRUE
        raise ValueError(f"{variable}={text!r} is neither true nor false")
    if kind is list:
        return [item.strip() for item in text.split(",") if item.strip()]
    if kind is dict:
        pairs = (item.partition("=") for item in text.split(",") if item)
        return {key.strip(): value.strip() for key, _, value in pairs}
    return text
