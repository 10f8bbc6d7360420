"""This very SDK as a wheel, packed from the modules that are installed here.

An image gets the SDK that deploys, whether that came from an index or from a checkout, and needs no index for
it. Same modules, same bytes.
"""

import base64
import functools
import hashlib
import importlib.util
import io
import json
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from flyte._version import version
from flyte.errors import ImageBuildError

PACKAGES = (
    *("flyte", "flyte_agent", "flyte_bus", "flyte_schemas"),
    *(
        "flyte_dataproxy",
        "flyte_embedded",
        "flyte_executor",
        "flyte_notifier",
        "flyte_guard",
        "flyte_registry",
        "flyte_scheduler",
    ),
)


@functools.cache
def identity() -> str:
    """The version; with a hash of the modules when they may change under it (an editable installation)."""
    number = version()
    try:
        origin = json.loads(distribution("flytejet").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    if "dir_info" not in origin:
        return number
    digest = hashlib.sha256()
    for name, path in _modules():
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"{number.partition('+')[0]}+{digest.hexdigest()[:12]}"


def sdk_wheel() -> tuple[str, bytes]:
    """A wheel's file name and its bytes. Raises ImageBuildError when this SDK is not installed."""
    try:
        installed = distribution("flytejet")
    except PackageNotFoundError as error:
        raise ImageBuildError(
            "this SDK was not installed, so it cannot be put into an image: pip install it, or say "
            "install_flyte=False and flyte_version=…"
        ) from error
    info = f"flytejet-{installed.version}.dist-info"
    files = {name: path.read_bytes() for name, path in _modules()}
    files[f"{info}/METADATA"] = (installed.read_text("METADATA") or "").encode()
    files[f"{info}/entry_points.txt"] = (installed.read_text("entry_points.txt") or "").encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: flytejet\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            wheel.writestr(member, data, zipfile.ZIP_DEFLATED)
    return f"flytejet-{installed.version}-py3-none-any.whl", packed.getvalue()


def _modules() -> list[tuple[str, Path]]:
    """Every file of our packages that are here, by its name in a wheel."""
    found = []
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            root = Path(folder)
            files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
            found += [(path.relative_to(root.parent).as_posix(), path) for path in files]
    return sorted(found)


def _record(files: dict[str, bytes], own: str) -> bytes:
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    return "".join([*lines, f"{own},,\n"]).encode()
