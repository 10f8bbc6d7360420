"""JSON that is almost right: valid documents with something in them replaced, added, repeated or cut."""

import json
from typing import Any

from testkit.fuzz.chooser import Chooser

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**400, 1.5, -0.0, 1e308,
    float("nan"), float("inf"), "", " ", "\x00", "\ud800", "a" * 70_000, "ü\u202e\U0001f600",
    "../../etc/passwd", "/", ".", "..", "*", ">", "a.b", "a b", "a\nb\r\n", "%2e%2e%2f", "${HOME}", "-1",
    "{0.__class__}", "%s%n", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59", "PT1S",
    "2026-01-01T00:00:00", "flyte://artifacts/a/b/c", "flyte://artifacts/../x", "file:///etc",
    "9" * 25, "\x7f" * 200_000, "-x", "(" * 3_000, "9998-01-01T00:00:00",
    [], {}, [None], [[]], {"": None}, [1] * 5_000,
    {"type": "inline"}, {"a": {"a": {"a": 1}}}, ["x"] * 300,
)  # fmt: skip
"""What stands where something else was expected."""

_DEEP = "@@deep@@"


def mutated(chooser: Chooser, raw: bytes) -> bytes:
    """The document in these bytes with up to four changes; now and then, no JSON any more."""
    document = json.loads(raw)
    for _ in range(chooser.below(4) + (not chooser.one_in(5))):
        document = _changed(chooser, document)
    text = json.dumps(document, ensure_ascii=chooser.one_in(2))
    if chooser.one_in(30):
        text = _twice(chooser, document)
    if _DEEP in text:
        depth = chooser.pick((10, 130, 210, 1_100, 20_000))
        left, right = chooser.pick((("[", "]"), ('{"a":', "}")))
        text = text.replace(f'"{_DEEP}"', left * depth + "1" + right * depth)
    return _spoiled(chooser, text.encode("utf-8", "surrogatepass"))


def changed_at(chooser: Chooser, raw: bytes, *path: str) -> bytes:
    """The document with one change at or below a place in it."""
    document = whole = json.loads(raw)
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = _changed(chooser, document[path[-1]])
    return json.dumps(whole).replace(f'"{_DEEP}"', "[" * 300 + "]" * 300).encode("utf-8", "surrogatepass")


def _changed(chooser: Chooser, document: Any) -> Any:
    """A copy with one change, somewhere."""
    if isinstance(document, dict) and document and not chooser.one_in(12):
        key = chooser.pick(list(document))
        if chooser.one_in(8):
            return {name: value for name, value in document.items() if name != key}
        if chooser.one_in(12):
            return document | {chooser.text(): odd(chooser)}
        return document | {key: _changed(chooser, document[key])}
    if isinstance(document, list) and document and not chooser.one_in(8):
        place = chooser.below(len(document))
        if chooser.one_in(6):
            return document + document[place : place + 1] * (1 + chooser.below(50))
        return [*document[:place], _changed(chooser, document[place]), *document[place + 1 :]]
    return odd(chooser)


def odd(chooser: Chooser) -> Any:
    """Any value."""
    if chooser.one_in(24):
        return _DEEP
    return chooser.text() if chooser.one_in(5) else chooser.pick(ODD)


def _twice(chooser: Chooser, document: Any) -> str:
    """The document with a key that is there two times."""
    if not isinstance(document, dict) or not document:
        return json.dumps([document, document])
    key = chooser.pick(list(document))
    return json.dumps(document)[:-1] + f", {json.dumps(key)}: {json.dumps(odd(chooser))}}}"


def _spoiled(chooser: Chooser, raw: bytes) -> bytes:
    """Mostly the same bytes; else cut, doubled, with a byte changed, or other ones."""
    if not chooser.one_in(10):
        return raw
    match chooser.below(4):
        case 0:
            return raw[: chooser.below(len(raw) + 1)]
        case 1:
            return raw + chooser.bytes(64)
        case 2:
            place = chooser.below(len(raw)) if raw else 0
            return raw[:place] + bytes([chooser.byte()]) + raw[place + 1 :]
        case _:
            return chooser.bytes(512)
