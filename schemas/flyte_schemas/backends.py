"""What an executor says of its backend, for those who deploy: whether images have to be built."""

from flyte_schemas.words import Word

BACKEND_KEY = "executor.backend"
"""Where it is said, in the settings' bucket."""


class BackendNote(Word):
    """The backend's name, and whether attempts run in the images of their tasks."""

    name: str
    runs_images: bool = False
