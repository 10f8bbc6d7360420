"""JSON Schemas with the marks that our command line reads: names of enum members, and joined definitions.

The marks begin with `x-flyte`; whoever does not know them reads plain JSON Schema.
"""

import json
from typing import Any

from flyte._runtime.codecs.codec import Definitions

NAMES = "x-flyte-names"
"""Beside `enum`: the members' names, in the same order."""
CASE = "x-flyte-case"
"""In a part of `anyOf`: the word by which a value of this part is told apart."""
FORM = "x-flyte-form"
"""What a value is made from on a command line: `bytes`, `pickle`, `table`, `file` or `dir`."""

_REFERENCE = "#/$defs/"


def hoisted(schema: dict[str, Any], definitions: Definitions) -> dict[str, Any]:
    """`schema` without its `$defs`, which are put into `definitions` (under a new name if one is taken)."""
    own = schema.pop("$defs", {})
    renamed = {name: _free_name(name, item, definitions) for name, item in own.items()}
    for name, item in own.items():
        definitions[renamed[name]] = _redirected(item, renamed)
    moved: dict[str, Any] = _redirected(schema, renamed)
    return moved


def reference(name: str) -> dict[str, Any]:
    return {"$ref": f"{_REFERENCE}{name}"}


def _free_name(name: str, item: Any, definitions: Definitions) -> str:
    candidate, number = name, 1
    while candidate in definitions and json.dumps(definitions[candidate]) != json.dumps(item):
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _redirected(schema: Any, renamed: dict[str, str]) -> Any:
    if all(new == old for old, new in renamed.items()):
        return schema
    match schema:
        case {"$ref": str(target), **rest} if target.startswith(_REFERENCE):
            name = target.removeprefix(_REFERENCE)
            return {**_redirected(rest, renamed), **reference(renamed.get(name, name))}
        case dict():
            return {key: _redirected(item, renamed) for key, item in schema.items()}
        case list():
            return [_redirected(item, renamed) for item in schema]
        case _:
            return schema
