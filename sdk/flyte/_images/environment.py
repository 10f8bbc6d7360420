"""What a build is told and no image keeps: indexes and proxies of whoever builds, and secrets."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from flyte._images.places import BUILD_ENVIRONMENT
from flyte._images.tools import StepSecret, secrets_in
from flyte.errors import ImageBuildError
from flyte_schemas.image import ImageSpec

_AS_PIP = (
    ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"),
    ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST", ""),
    ("PIP_DEFAULT_TIMEOUT", "UV_HTTP_TIMEOUT", ""),
    ("PIP_RETRIES", "UV_HTTP_RETRIES", ""),
)
"""What a variable of pip is called by uv, and was called by an older one."""
PASSED = frozenset(
    {
        *(name for names in _AS_PIP for name in names if name),
        *("UV_INDEX_STRATEGY", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    }
)
"""Variables that a build's steps see if whoever builds has them: where packages come from."""


def variables_for_build(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a build's steps see; uv is told what pip knows, unless it knows it itself."""
    found = {name: environment[name] for name in sorted(PASSED & set(environment)) if environment[name]}
    for pips, name, older in _AS_PIP:
        if pips in found and not found.keys() & {name, older}:
            found[name] = " ".join(found[pips].split())
    return found


def write_secrets(folder: Path, spec: ImageSpec) -> dict[str, Path]:
    """Files with what BuildKit mounts for single steps, by id. Raises ImageBuildError."""
    variables = variables_for_build(os.environ)
    words = {BUILD_ENVIRONMENT: "".join(f"export {k}={shlex.quote(v)}\n" for k, v in variables.items())}
    for secret in (one for layer in spec.layers for one in secrets_in(layer)):
        words[secret.id] = _value(secret)
    folder.mkdir(mode=0o700)
    for id, text in words.items():
        path = folder / id
        path.touch(mode=0o600)
        path.write_text(text)
    return {id: folder / id for id in words}


def _value(secret: StepSecret) -> str:
    """The value of a secret: of the variable it is named after on the machine that builds."""
    key = "_".join(part for part in (secret.group, secret.key) if part).replace("-", "_").upper()
    names = dict.fromkeys(name for name in (secret.variable, key, secret.key) if name)
    for name in names:
        if name in os.environ:
            return os.environ[name]
    raise ImageBuildError(f"the build needs the secret {secret.key!r}: set the variable {next(iter(names))}")
