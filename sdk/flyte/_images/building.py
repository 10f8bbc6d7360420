"""Images built one after the other, each unless it is there already."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyte import _session
from flyte._image import Image
from flyte._images.context import DOCKERFILE, write_context
from flyte._images.engine import Docker, find_docker
from flyte._images.environment import write_secrets
from flyte._images.progress import Progress
from flyte._images.wanted import Wanted
from flyte.errors import ImageBuildError

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """Where the image is; `remote_run` is None: images are built where one asks for them."""

    uri: str | None
    remote_run: Any = None


def wanted_of(image: Image) -> Wanted | None:
    """What there is to build of an image, with the configured registry; None when it is one that exists."""
    config = _session.configured()
    spec = image.spec()
    uri = image.address(spec, config.image_registry if config else "")
    return Wanted(uri=uri, image=image, spec=spec) if spec.is_built_as(uri) else None


def build_here(image: Image, dry_run: bool, force: bool, say: Say) -> ImageBuild:
    """Build one image unless it is there; see `flyte.build`."""
    wanted = wanted_of(image)
    if wanted is None:
        return ImageBuild(_existing(image))
    if not dry_run:
        build_all([wanted], say, force=force)
    return ImageBuild(wanted.uri)


def build_all(wanted: Iterable[Wanted], say: Say, *, force: bool = False) -> None:
    """Build the images that are not there yet. Raises ImageBuildError, FileNotFoundError."""
    by_uri = {one.uri: one for one in wanted}
    if not by_uri:
        return
    config = _session.configured()
    if config is not None and config.image_builder == "remote":
        raise ImageBuildError(
            "image.builder is 'remote', and there is no such builder: write 'local', and docker builds"
        )
    docker = find_docker(f"image {next(iter(by_uri))} has to be built")
    for one in by_uri.values():
        if not force and docker.has(one.uri, is_pushed=one.is_pushed):
            say(f"image {one.uri} is there already")
        else:
            _build(docker, one, say)


def _build(docker: Docker, wanted: Wanted, say: Say) -> None:
    say(f"building image {wanted.uri}")
    own = wanted.image.dockerfile
    with tempfile.TemporaryDirectory(prefix="flyte-image-") as name:
        folder, secrets = Path(name) / "context", write_secrets(Path(name) / "secrets", wanted.spec)
        folder.mkdir()
        labels: tuple[str, ...] = ()
        if own is None:
            labels = write_context(folder, wanted).labels
        else:
            wanted.image.validate()
        docker.build(
            folder if own is None else own.absolute().parent,
            folder / DOCKERFILE if own is None else own.absolute(),
            wanted.uri,
            platforms=wanted.spec.platform,
            secrets=secrets,
            progress=Progress(labels, say),
            is_pushed=wanted.is_pushed,
        )
    say(f"built {'and pushed' if wanted.is_pushed else 'on the local engine'}: {wanted.uri}")


def _existing(image: Image) -> str:
    """The address of an image that is not built. Raises ImageBuildError for a name that nobody resolves."""
    config = _session.configured()
    name = image.spec().reference
    if name is None:
        return image.uri
    if config is None or name not in config.images:
        raise ImageBuildError(
            f"image {name!r} is a name without an address: say --image {name}=URI, or image.image_refs"
        )
    return config.images[name]
