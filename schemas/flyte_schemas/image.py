"""What a container image is made of: a base and layers, by content and not by where it was written down."""

import hashlib
from typing import Any, Literal

import orjson

from flyte_schemas.words import Sha256, Word

LayerKind = Literal[
    "pip",
    "requirements",
    "apt",
    "commands",
    "env",
    "workdir",
    "source-file",
    "source-folder",
    "code-bundle",
    "dockerignore",
    "uv-project",
    "poetry-project",
    "pixi-project",
    "uv-script",
    "pixi-script",
    "flyte",
]


class FileReference(Word):
    """A file or folder that a layer reads: as the user named it, and its content when it was there."""

    path: str
    sha256: Sha256 | None = None


class ImageLayer(Word):
    """One step: what it installs, runs or copies (`arguments`), how (`options`), and from which files."""

    kind: LayerKind
    arguments: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    files: tuple[FileReference, ...] = ()


class ImageSpec(Word):
    """An image to be built, unless it is just `base`: then that is what runs.

    `reference` names an image that whoever deploys gives a URI for; `dockerfile` stands for base and layers.
    """

    base: str | None = None
    reference: str | None = None
    dockerfile: FileReference | None = None
    registry: str | None = None
    registry_secret: str | None = None
    name: str = "flyte"
    platform: tuple[str, ...] = ("linux/amd64",)
    python_version: str | None = None
    layers: tuple[ImageLayer, ...] = ()

    @property
    def tag(self) -> str:
        """32 hex digits of what is in the image: the same definition gives the same tag."""
        content = self.model_dump(mode="json", exclude={"registry", "registry_secret", "name"})
        document = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        return hashlib.md5(document, usedforsecurity=False).hexdigest()
