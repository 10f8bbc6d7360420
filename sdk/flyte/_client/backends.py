"""What the executor of a stack says of the place where it lets attempts run."""

import orjson
from pydantic import ValidationError

from flyte_bus.ports import Bus
from flyte_schemas.backends import BACKEND_KEY, BackendNote
from flyte_schemas.streams import SETTINGS_BUCKET


async def runs_images(bus: Bus) -> bool:
    """Whether attempts run in their tasks' images; False also when no executor has said so."""
    entry = await bus.bucket(SETTINGS_BUCKET).get(BACKEND_KEY)
    if entry is None or entry.value is None:
        return False
    try:
        return BackendNote.model_validate(orjson.loads(entry.value)).runs_images
    except (ValueError, ValidationError):
        return False
