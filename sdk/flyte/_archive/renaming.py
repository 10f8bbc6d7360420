"""An event of a run as one of a run that has another name: what it says of its own run is said of that one.

Changed are its subject, the ids that begin with the run (its own, and that of its cause), and the sources of
results that actions of the same run have given each other. All else stays: what other runs did, and when.
"""

import json
from typing import Any

from flyte_schemas.subjects import RunKey

_SOURCES = ("source", "recovered_from")


def renamed_subject(subject: str, new: RunKey) -> str:
    """`flyte.run.p.d.old.a0` → `flyte.run.p.d.new.a0`; for the log of a run as well."""
    head, kind, _, _, _, action = subject.split(".")
    return ".".join((head, kind, *new, action))


def renamed(raw: bytes, subject: str, old: RunKey, new: RunKey) -> bytes:
    """The message with this subject; bytes that are no event of the run stay as they are."""
    if old == new:
        return raw
    try:
        document = json.loads(raw)
    except ValueError:
        return raw
    if not isinstance(document, dict) or document.get("subject") != subject:
        return raw
    document["subject"] = renamed_subject(subject, new)
    for name in ("id", "cause"):
        _rename(document, name, old, new)
    data = document.get("data")
    if isinstance(data, dict):
        for name in _SOURCES:
            _rename(data, name, old, new)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _rename(document: dict[str, Any], name: str, old: RunKey, new: RunKey) -> None:
    text, before = document.get(name), f"{old}/"
    if isinstance(text, str) and text.startswith(before):
        document[name] = f"{new}/{text.removeprefix(before)}"
