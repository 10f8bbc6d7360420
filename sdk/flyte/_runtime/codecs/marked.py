"""pydantic's generator of JSON Schemas with our marks; apart, because pydantic takes long to load."""

import enum
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from flyte._runtime.codecs.schemas import NAMES


class MarkedSchema(GenerateJsonSchema):
    """pydantic's generator, which also says the names of enum members."""

    def enum_schema(self, schema: core_schema.EnumSchema) -> dict[str, Any]:
        made = super().enum_schema(schema)
        names = [member.name for member in schema["members"] if isinstance(member, enum.Enum)]
        return {**made, NAMES: names} if "enum" in made else made
