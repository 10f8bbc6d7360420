"""The strictness that all wire types share, and the alphabet of the names in them.

Wire types are frozen and closed: a field that we do not know is an error where it enters, never a
surprise later.
"""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema

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


_GREATEST = 2**63 - 1
"""What JSON's readers and writers agree on; digits in a string are an integer of any size to pydantic."""


def _bound_integers(schema: Any, of: type) -> None:
    """Give each integer of this class the limits that it lacks; words in it have theirs."""
    if type(schema) is dict:
        kind = schema.get("type")
        if kind == "model" and schema["cls"] is not of and issubclass(schema["cls"], Word):
            return
        if kind == "int":
            schema.setdefault("le", _GREATEST)
            if "gt" not in schema:
                schema.setdefault("ge", -_GREATEST)
        schema = schema.values()
    elif type(schema) not in (list, tuple):
        return
    for part in schema:
        _bound_integers(part, of)


class Word(BaseModel):
    """A value on the wire: immutable, closed to unknown fields, with integers of 64 bits."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        _bound_integers(schema, cls)
        return schema
