"""An image that is to be built: what it is called, what it is made of, and where its files are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flyte._bundle import Bundle
    from flyte._image import Image
    from flyte_schemas.image import ImageSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`code` is what a code bundle's layer holds, when the code is to be in the image."""

    uri: str
    image: "Image"
    spec: "ImageSpec"
    code: "Bundle | None" = None

    @property
    def is_pushed(self) -> bool:
        """Whether it goes to a registry; else it stays on the engine that builds it."""
        return self.uri != f"{self.spec.name}:{self.spec.tag}"
