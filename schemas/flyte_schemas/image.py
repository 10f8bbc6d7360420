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
    sdk: str = ""
    """Which of our SDKs is installed from where the image is built: its version, with a hash where that alone
    does not say it; empty for none."""

    @property
    def tag(self) -> str:
        """32 hex digits of what is in the image: the same definition gives the same tag."""
        content = self.model_dump(mode="json", exclude={"registry", "registry_secret", "name"})
        document = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        return hashlib.md5(document, usedforsecurity=False).hexdigest()

    def address(self, default_registry: str = "") -> str:
        """Where the image is once it is built: `registry/name:tag`; without a registry, on the engine."""
        registry = self.registry or default_registry
        return f"{registry}/{self.name}:{self.tag}" if registry else f"{self.name}:{self.tag}"

    def is_built_as(self, uri: str) -> bool:
        """Whether `uri` is what a builder makes of this; not, say, an image that somebody names instead."""
        return self.reference is None and uri != self.base and uri.endswith(f"{self.name}:{self.tag}")


class ImageManifest(Word):
    """What an image says of itself, in `MANIFEST_PLACE`: what was declared, and the Python that it has."""

    image: str
    python: str = ""
    sdk: str = ""
    packages: tuple[str, ...] = ()

    @property
    def packages_sha256(self) -> str:
        """The declared packages in one word."""
        return hashlib.sha256("\n".join(self.packages).encode()).hexdigest()


MANIFEST_PLACE = "/etc/flytejet/image.json"
_INSTALLING = frozenset({"pip", "apt", "requirements", "uv-project", "poetry-project", "uv-script"})


def manifest_of(spec: ImageSpec) -> ImageManifest:
    """What the manifest of this image has to say; `python` is empty when its base decides."""
    words = (f"{layer.kind} {word}" for layer in spec.layers for word in _words(layer))
    ours = (spec.base or "").startswith(f"python:{spec.python_version}-")
    return ImageManifest(
        image=spec.tag,
        python=spec.python_version or "" if ours else "",
        sdk=spec.sdk,
        packages=tuple(sorted(set(words))),
    )


def differences(expected: ImageManifest, found: ImageManifest | None, python: str) -> tuple[str, ...]:
    """What is otherwise than declared in the image that an agent runs in, with this Python; in sentences."""
    if found is None:
        return (f"it has no {MANIFEST_PLACE}, so `flyte build` did not build it",)
    told = []
    if expected.python and not f"{python}.".startswith(f"{expected.python}."):
        told.append(f"it runs Python {python}, and Python {expected.python} was declared")
    elif found.python != python:
        told.append(f"it runs Python {python}, and was built with Python {found.python}")
    if expected.sdk != found.sdk:
        told.append(f"its flytejet is {found.sdk or 'none'}, and {expected.sdk or 'none'} was declared")
    if found.packages_sha256 != expected.packages_sha256:
        for sign, one, other in (("without", expected, found), ("with undeclared", found, expected)):
            if extra := sorted(set(one.packages) - set(other.packages)):
                told.append(f"it was built {sign} {', '.join(extra)}")
    return tuple(told)


def _words(layer: ImageLayer) -> tuple[str, ...]:
    if layer.kind not in _INSTALLING:
        return ()
    files = (f"{file.path}@{(file.sha256 or '')[:12]}" for file in layer.files)
    return (*layer.arguments, *files)
