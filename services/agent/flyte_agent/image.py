"""The image that an agent runs in, compared with the one that its task was deployed for.

Only where a backend says that it started the agent in a task's image: elsewhere images mean nothing. It is
done before any code of the user's is fetched: a wrong image is told in a sentence and not by an import.
"""

import platform

from pydantic import ValidationError

from flyte_agent.settings import AgentSettings
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.image import ImageManifest, differences, manifest_of
from flyte_schemas.task import TaskTemplate


class ImageMismatch(Exception):
    """The image is not the one that the task was deployed for."""

    def __init__(self, image: str, told: tuple[str, ...]) -> None:
        super().__init__(f"image {image} is not as it was declared: {'; '.join(told)}")
        self.failure = Failure(
            code="ImageMismatch",
            kind=FailureKind.USER,
            message=str(self),
            hint="build it again with `flyte build --force FILE ENV_VAR`, or deploy the task again",
            recoverable=False,
        )


def check_image(template: TaskTemplate, settings: AgentSettings) -> None:
    """Raises ImageMismatch when what was declared of the image does not hold in this one."""
    spec = template.image_spec
    if (
        not settings.image
        or spec is None
        or spec.dockerfile is not None
        or not spec.is_built_as(template.image)
    ):
        return
    told = differences(manifest_of(spec), _found(settings), platform.python_version())
    if told:
        raise ImageMismatch(settings.image, told)


def _found(settings: AgentSettings) -> ImageManifest | None:
    try:
        return ImageManifest.model_validate_json(settings.manifest.read_bytes())
    except (OSError, ValidationError):
        return None
