"""The strictness that all wire types share, and the alphabet of the names in them.

Wire types are frozen and closed: a field that we do not know is an error where it enters, never a
surprise later.
"""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

NAME_PATTERN = r"^[^\s.*>]{1,128}$"
"""One token of a NATS subject: no dots, wildcards or white space (the server splits subjects at dots)."""

TASK_NAME_PATTERN = r"^[^\s.*>]{1,128}\.[^\s.*>]{1,128}$"
"""A task's full name: environment, dot, function."""

ENVIRONMENT_PATTERN = r"^[a-z0-9]+([_-][a-z0-9]+)*$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
TaskName = Annotated[str, StringConstraints(pattern=TASK_NAME_PATTERN)]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Md5 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Word(BaseModel):
    """A value on the wire: immutable, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


def is_name(text: str) -> bool:
    """Whether `text` can stand as one token of a subject."""
    return re.fullmatch(NAME_PATTERN.strip("^$"), text) is not None
