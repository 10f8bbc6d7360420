"""Build images: `flyte.build` and `flyte.build_images`."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flyte._environment import Environment
from flyte._image import Image
from flyte._images.building import ImageBuild, build_all, build_here
from flyte._twins import Twinned

__all__ = ["ImageBuild", "ImageCache", "build", "build_images"]


@dataclass(frozen=True, slots=True)
class ImageCache:
    """The address of each environment's image, by the environment's name."""

    image_lookup: Mapping[str, str]

    def __getitem__(self, environment: str) -> str:
        return self.image_lookup[environment]

    def __iter__(self) -> Iterator[str]:
        return iter(self.image_lookup)

    def __len__(self) -> int:
        return len(self.image_lookup)


def _build(image: Image, dry_run: bool = False, force: bool = False, wait: bool = True) -> ImageBuild:
    """Build an image and push it, unless it is in its registry already; `force` builds it all the same.

    `dry_run` only says what it would be called. Without a registry it stays on the local engine. A build is
    waited for, whatever `wait` says. Raises ImageBuildError, FileNotFoundError, TypeError.
    """
    if not isinstance(image, Image):
        raise TypeError(f"build takes an Image, not {image!r}: begin one with Image.from_…")
    return build_here(image, dry_run, force, _say)


def _build_images(
    *envs: Environment, copy_style: str = "loaded_modules", seed_cache: ImageCache | None = None
) -> ImageCache:
    """Build the images of environments and of all they depend on, unless they are there; the addresses.

    Environments that `seed_cache` has an address for are left as they are. Raises ImageBuildError,
    FileNotFoundError.
    """
    from flyte._deploy import plan_here

    plan = plan_here(envs, copy_style=copy_style, version="images")
    known = dict(seed_cache.image_lookup) if seed_cache else {}
    found: dict[str, str] = {}
    for template in plan.templates:
        found.setdefault(template.environment, template.image)
    uris = {uri for name, uri in found.items() if name not in known}
    build_all([one for one in plan.images if one.uri in uris], _say)
    return ImageCache({**found, **known})


async def _build_aio(*args: Any, **kwargs: Any) -> ImageBuild:
    return await asyncio.to_thread(_build, *args, **kwargs)


async def _build_images_aio(*envs: Environment, **options: Any) -> ImageCache:
    return await asyncio.to_thread(_build_images, *envs, **options)


build = Twinned(_build, _build_aio)
build_images = Twinned(_build_images, _build_images_aio)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
