"""Values of an action as the page shows them: as JSON, or where they are when they are large."""

from urllib.parse import quote, urlencode

import orjson

from flyte_console.answers.parts import InlineValue, ReferencedValue, Values
from flyte_schemas.literals import AnyLiteral, InlineLiteral, Literals
from flyte_schemas.subjects import ActionKey, RunKey

API = "/api/v1"


def shown(literals: Literals, key: ActionKey) -> Values:
    """Inputs or outputs of an action."""
    return {name: _value(literal, key) for name, literal in literals.items()}


def _value(literal: AnyLiteral, key: ActionKey) -> InlineValue | ReferencedValue:
    if not isinstance(literal, InlineLiteral):
        href = object_address(key, literal.uri)
        return ReferencedValue(uri=literal.uri, size_bytes=literal.size_bytes, href=href, is_json=True)
    match literal.value:
        case {"$payload": {"uri": str(uri), "size_bytes": int(size)}, **rest} if not rest:
            return ReferencedValue(uri=uri, size_bytes=size, href=object_address(key, uri), is_json=False)
        case value:
            return InlineValue(value=value)


def object_address(key: ActionKey, uri: str) -> str:
    """Where the console gives an object that an action names."""
    return f"{_address(key.run)}/actions/{quote(key.action, safe='')}/object?{urlencode({'uri': uri})}"


def report_address(key: ActionKey, attempt: int) -> str:
    """Where the console shows the report of an attempt."""
    return f"{_address(key.run)}/report?{urlencode({'action': key.action, 'attempt': attempt})}"


def _address(run: RunKey) -> str:
    project, domain, name = (quote(part, safe="") for part in run)
    return f"{API}/projects/{project}/domains/{domain}/runs/{name}"


def names_object(literals: Literals, uri: str) -> bool:
    """Whether an object is one of these values, or lies in one."""
    quoted = orjson.dumps(uri)
    return any(
        quoted in orjson.dumps(literal.value) if isinstance(literal, InlineLiteral) else literal.uri == uri
        for literal in literals.values()
    )
