"""The words by which an image's packages are installed: pip's, uv's, Poetry's; and the secrets of a step."""

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flyte_schemas.image import ImageLayer

PIP = (
    "PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 "
    "python3 -m pip install"
)
TOOLS = "/opt/flyte-tools"
"""A cache: what installs other packages is not in the image."""
UV = f'uv="{TOOLS}/uv-$(uname -m)/bin/uv"; [ -x "$uv" ] || {PIP} -q --target "{TOOLS}/uv-$(uname -m)" uv'
UV_INSTALL = '$uv pip install --python "$(command -v python3)" --break-system-packages'
POETRY = (
    f"venv=\"{TOOLS}/poetry-$(uname -m)-$(python3 -c 'import sys; print(sys.prefix, *sys.version_info[:3])' "
    "| tr '/ ' '--')\"; poetry=\"$venv/bin/poetry\"; "
    '[ -x "$poetry" ] || { python3 -m venv --clear "$venv"; '
    '"$venv/bin/python" -m pip install -q poetry poetry-plugin-export; }'
)


@dataclass(frozen=True, slots=True)
class StepSecret:
    """A secret that a step sees: its id for BuildKit, the file it is read from, the variable it becomes."""

    id: str
    target: str
    variable: str
    key: str
    group: str | None


def secrets_in(layer: ImageLayer) -> tuple[StepSecret, ...]:
    """The secrets of a layer's `secret_mounts`."""
    return tuple(_secret(word) for word in layer.options.get("secret_mounts", ()))


def index_words(options: Mapping[str, Any], tool: str = "pip") -> list[str]:
    """The options of an installation as pip reads them; uv has another word for pre-releases."""
    words = [f"--index-url {shlex.quote(options['index_url'])}"] if options.get("index_url") else []
    words += [f"--extra-index-url {shlex.quote(url)}" for url in options.get("extra_index_urls", ())]
    if options.get("pre"):
        words.append("--prerelease allow" if tool == "uv" else "--pre")
    if options.get("extra_args") and tool == "pip":
        words.append(options["extra_args"])
    return words


def _secret(word: Mapping[str, Any]) -> StepSecret:
    key, group = word["key"], word.get("group")
    name = f"{group}/{key}" if group else key
    id = f"flyte-secret-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    folder = word.get("mount") or "/run/secrets"
    return StepSecret(id, shlex.quote(f"{folder}/{name}"), word.get("as_env_var") or "", key, group)
