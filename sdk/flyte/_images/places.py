"""Where things lie in a build's context: the Dockerfile and whoever fills it agree by these names."""

from pathlib import PurePosixPath

from flyte_schemas.image import ImageLayer

SDK_FOLDER = "flyte/sdk"
"""The SDK's wheel, and nothing of a single image: BuildKit installs it once for all images on a base."""
MANIFEST_FOLDER = "flyte/manifest"
"""The manifest and the program that writes it."""
BUILD_ENVIRONMENT = "flyte-environment"
"""The secret with the variables of whoever builds."""
_LOCKS = {"uv-project": "uv.lock", "poetry-project": "poetry.lock", "pixi-project": "pixi.lock"}


def context_names(index: int, layer: ImageLayer) -> tuple[str, ...]:
    """Where the files of the layer with this index are, one name for each of `layer.files`."""
    return tuple(f"layers/{index}/{_name(layer, place)}" for place in range(len(layer.files)))


def _name(layer: ImageLayer, place: int) -> str:
    path = PurePosixPath(layer.files[place].path)
    if layer.kind not in _LOCKS:
        return path.name.replace(" ", "_") or "source"
    if place == 0:
        return "pyproject.toml"
    return _LOCKS[layer.kind] if path.suffix == ".lock" else "project"
