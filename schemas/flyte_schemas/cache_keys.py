"""What makes two calls the same: a hash of all that a result depends on.

Plain functions on JSON values, so that a local run, which loads no wire types, has the same notion of it.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

HASH, HASHED = "hash", "$hashed"
"""Beside a value, or around it: what it counts by."""


def call_key(
    task: str,
    shape: Sequence[tuple[str, Any]],
    *,
    version: str,
    salt: str,
    inputs: Mapping[str, Any],
    ignored: Collection[str] = (),
) -> str:
    """The key of a call: hex SHA-256.

    `task` is the full name, `shape` the names of inputs and outputs with their JSON schemas, `version` the
    cache's, `inputs` what counts of each.
    """
    counted = {name: value for name, value in inputs.items() if name not in ignored}
    document = [task, [list(parameter) for parameter in shape], version, salt, counted]
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def without_places(value: Any) -> Any:
    """A value in which a file, folder or table that carries a hash counts by that, wherever it lies."""
    match value:
        case {"hash": str(known), "format": str()} if "path" in value or "uri" in value:
            return {HASH: known}
        case {"hash": str(known), "$parquet": str()} | {"hash": str(known), "$pickle": str()}:
            return {HASH: known}
        case {"hash": str(known), "$hashed": _}:
            return {HASH: known}
        case dict():
            return {key: without_places(item) for key, item in value.items()}
        case list():
            return [without_places(item) for item in value]
        case _:
            return value
