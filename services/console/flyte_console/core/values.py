"""Values of an action as the page shows them: as JSON, or where they are when they are large."""

from urllib.parse import quote, urlencode

import orjson

from flyte_console.answers import InlineValue, ReferencedValue, Values
from flyte_schemas.literals import InlineLiteral, Literals
from flyte_schemas.subjects import ActionKey

API = "/api/v1"


def shown(literals: Literals, key: ActionKey) -> Values:
    """Inputs or outputs of an action."""
    return {
        name: InlineValue(value=literal.value)
        if isinstance(literal, InlineLiteral)
        else ReferencedValue(
            uri=literal.uri, size_bytes=literal.size_bytes, href=object_address(key, literal.uri)
        )
        for name, literal in literals.items()
    }


def object_address(key: ActionKey, uri: str) -> str:
    """Where the console gives an object that an action names."""
    run = key.run
    path = "/".join(
        quote(part, safe="")
        for part in ("projects", run.project, "domains", run.domain, "runs", run.run, "actions", key.action)
    )
    return f"{API}/{path}/object?{urlencode({'uri': uri})}"


def names_object(literals: Literals, uri: str) -> bool:
    """Whether an object is one of these values, or lies in one."""
    quoted = orjson.dumps(uri)
    return any(
        quoted in orjson.dumps(literal.value) if isinstance(literal, InlineLiteral) else literal.uri == uri
        for literal in literals.values()
    )
