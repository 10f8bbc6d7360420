"""Which objects of the artifact store a piece of data refers to: found by how their URIs look.

A URI may stand anywhere in a value (a file in a dataclass in a list, a checkpoint, a kind of event that this
version does not know), and in a pickle that travels as base64. So nothing is parsed: what looks like a URI
counts as one. At worst an object is kept that nobody needs.
"""

import base64
import re

from flyte_schemas.artifacts import CONTENT_NAME_PATTERN, URI_PREFIX

OVERLAP_BYTES = 1024
"""What two chunks of one content must have in common, so that no URI is cut in two."""
_LONGEST_IN_BASE64 = 4 * 120
"""The longest URI, in base64, with some room."""

_PLACE = r"[A-Za-z0-9_-]{1,128}"
_URI = re.compile(
    f"{re.escape(URI_PREFIX)}({_PLACE}/{_PLACE}/{CONTENT_NAME_PATTERN})(?![0-9a-f])".encode(), re.ASCII
)
_BASE64_TEXT = re.compile(rb"[A-Za-z0-9+/]*")


def _in_base64() -> "tuple[tuple[int, re.Pattern[bytes]], ...]":
    """How the beginning of every URI looks in base64, by where in a group of three bytes it stands.

    With each pattern goes how far in front of it the group begins, in characters.
    """
    found = []
    for place, before in enumerate((0, 2, 3)):
        text = base64.b64encode(b"\0" * place + URI_PREFIX.encode())
        whole = text[before : (place + len(URI_PREFIX)) * 8 // 6]
        found.append((before, re.compile(re.escape(whole))))
    return tuple(found)


_BASE64 = _in_base64()


def references_in(data: bytes) -> set[str]:
    """The URIs in `data`, also those in base64."""
    found = {URI_PREFIX + match.decode() for match in _URI.findall(data)}
    for before, pattern in _BASE64:
        for match in pattern.finditer(data):
            start = max(match.start() - before, 0)
            window = data[start : start + _LONGEST_IN_BASE64]
            text = _BASE64_TEXT.match(window)
            assert text is not None  # it matches nothing, too
            spare = len(text[0]) % 4
            whole = text[0] + b"=" * (4 - spare) if spare > 1 else text[0][: len(text[0]) - spare]
            found |= {URI_PREFIX + uri.decode() for uri in _URI.findall(base64.b64decode(whole))}
    return found


def may_hold_references(beginning: bytes) -> bool:
    """Whether an object that begins so is one of ours that may name others: JSON, or a pickle."""
    return beginning[:1] in (b"{", b"[", b'"', b"\x80")
