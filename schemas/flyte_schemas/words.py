"""The strictness that all wire types share, and the alphabet of the names in them.

Wire types are frozen and closed: a field that we do not know is an error where it enters, never a
surprise later.
"""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from flyte_schemas.artifacts import CONTENT_NAME_PATTERN
from flyte_schemas.moments import EARLIEST, LATEST, LONGEST_S
from flyte_schemas.names import NAME_PATTERN, TASK_NAME_PATTERN

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
TaskName = Annotated[str, StringConstraints(pattern=TASK_NAME_PATTERN)]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ContentName = Annotated[str, StringConstraints(pattern=f"^{CONTENT_NAME_PATTERN}$")]
WorkerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_/-]{1,300}$")]
Md5 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]

Seconds = Annotated[float, Field(gt=0, le=LONGEST_S)]
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]


class Word(BaseModel):
    """A value on the wire: immutable, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
