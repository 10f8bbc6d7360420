"""The words by which an image's packages are installed, uv's and Poetry's; and the secrets of a step.

uv does it in a fraction of pip's time. pip is only asked for uv itself: a base has the one with its Python.
"""

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flyte_schemas.image import ImageLayer

TOOLS = "/opt/flyte-tools"
"""A cache: what installs other packages is not in the image."""
POETRY_TOOLS = "/opt/flyte-poetry"
"""Another one, for one build at a time: a virtual environment cannot be made elsewhere and moved."""
_PLACE = 'import sysconfig as s; print(s.get_config_var("MULTIARCH") or s.get_platform())'
UV = (
    f"uv=\"{TOOLS}/uv-$(python3 -c '{_PLACE}')\"; "
    f'[ -x "$uv/bin/uv" ] || {{ new="$(mktemp -d {TOOLS}/new-XXXXXX)"; chmod 755 "$new"; '
    "PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 "
    'python3 -m pip install -q --no-compile --target "$new" uv; mv -T "$new" "$uv" || rm -r "$new"; }'
)
"""Puts uv into the cache once for each machine architecture and libc: `$uv` is its folder.

It is moved there whole, so builds at the same time do not wait for each other.
"""
INSTALL = (
    'UV_LINK_MODE=copy "$uv/bin/uv" pip install --python "$(command -v python3)" --break-system-packages '
    "--compile-bytecode"
)
"""Installs into the image's own Python, with the bytecode that else each start of a task would make."""
POETRY = (
    f"venv=\"{POETRY_TOOLS}/$(uname -m)-$(python3 -c 'import sys; print(sys.prefix, *sys.version_info[:3])' "
    "| tr '/ ' '--')\"; poetry=\"$venv/bin/poetry\"; "
    '[ -x "$poetry" ] || { "$uv/bin/uv" venv -q --clear --python "$(command -v python3)" "$venv"; '
    'UV_LINK_MODE=copy "$uv/bin/uv" pip install -q --python "$venv/bin/python" poetry poetry-plugin-export; }'
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


def index_words(options: Mapping[str, Any]) -> list[str]:
    """The options of an installation as uv reads them."""
    words = [f"--default-index {shlex.quote(options['index_url'])}"] if options.get("index_url") else []
    words += [f"--index {shlex.quote(url)}" for url in options.get("extra_index_urls", ())]
    if options.get("pre"):
        words.append("--prerelease allow")
    return words


def _secret(word: Mapping[str, Any]) -> StepSecret:
    key, group = word["key"], word.get("group")
    name = f"{group}/{key}" if group else key
    id = f"flyte-secret-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    folder = word.get("mount") or "/run/secrets"
    return StepSecret(id, shlex.quote(f"{folder}/{name}"), word.get("as_env_var") or "", key, group)
