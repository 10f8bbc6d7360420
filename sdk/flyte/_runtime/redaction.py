"""What a task prints, without the values of its secrets: each becomes `***`, in whatever pieces it comes.

Of each value several forms are looked for: as it is, each of its longer lines, as Python, JSON, HTML and URLs
write it, and in base64 wherever it begins there. All that any form covers is hidden; hidden parts that touch
become one `***`. The result does not depend on how the text was cut. Per form, text is searched once.
"""

import base64
import html
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from flyte_schemas.secrets import SHORTEST_HIDDEN

HIDDEN = "***"
SHORTEST_PART = 8
"""Shorter lines of a value, and shorter pieces in base64, are not looked for: they may be anything."""
PIECE = 4096
"""Longer forms are looked for in pieces of so many characters: no more is ever held back."""


class Redactor:
    """Hides these values. Without any that is long enough, `is_needed` is false."""

    def __init__(self, values: Iterable[str | bytes]) -> None:
        forms = {form for value in values for form in _forms(value)}
        self._patterns = tuple(sorted({piece for form in forms for piece in _pieces(form)}))

    @property
    def is_needed(self) -> bool:
        return bool(self._patterns)

    def text(self, whole: str) -> str:
        """A text without the values."""
        return self.stream().end(whole)[0] if self._patterns else whole

    def stream(self) -> "RedactedStream":
        """The same for a text that comes in pieces."""
        return RedactedStream(self._patterns)


class RedactedStream:
    """One stream of text. What may be the beginning of a value is held back until it is known."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns = patterns
        self._held = ""
        self._held_bytes = 0
        self._hidden_until = 0
        self._is_hiding = False

    def feed(self, text: str, size_bytes: int = 0) -> tuple[str, int]:
        """What can be told by now, and how many of the bytes that came it stands for."""
        return self._tell(text, size_bytes, is_end=False)

    def end(self, text: str = "", size_bytes: int = 0) -> tuple[str, int]:
        """The rest: nothing more comes."""
        return self._tell(text, size_bytes, is_end=True)

    def _tell(self, text: str, size_bytes: int, *, is_end: bool) -> tuple[str, int]:
        whole, total = self._held + text, self._held_bytes + size_bytes
        cut = len(whole) if is_end else min(self._undecided(whole), len(whole))
        left = len(whole[cut:].encode("utf-8", "surrogatepass"))
        if 0 < cut < len(whole) and left >= total > 0:
            cut, left = 0, total  # bytes that are no text have longer names: they are not divided
        left = 0 if cut == len(whole) else min(left, total) if cut else total
        told = "".join(self._shown(whole, cut))
        self._held, self._held_bytes = whole[cut:], left
        return told, total - left

    def _shown(self, whole: str, cut: int) -> Iterator[str]:
        """The text up to `cut`, with what is hidden replaced."""
        at = 0
        for begin, end in self._found(whole):
            if begin >= cut:
                break
            if begin > at:
                yield whole[at:begin]
                self._is_hiding = False
            if not self._is_hiding:
                yield HIDDEN
                self._is_hiding = True
            at = max(at, end)
        if at < cut:
            yield whole[at:cut]
            self._is_hiding = False
        self._hidden_until = max(0, at - cut, self._hidden_until - cut)

    def _found(self, whole: str) -> list[tuple[int, int]]:
        """The parts that forms cover, by where they begin; they may overlap."""
        found = [(0, self._hidden_until)] if self._hidden_until else []
        for pattern in self._patterns:
            at = whole.find(pattern)
            while at >= 0:
                found.append((at, at + len(pattern)))
                at = whole.find(pattern, at + 1)
        return sorted(found)

    def _undecided(self, whole: str) -> int:
        """Where the first form may begin that is not complete yet; the length of the text, if none does."""
        first = len(whole)
        for pattern in self._patterns:
            at = whole.find(pattern[0], max(0, len(whole) - len(pattern) + 1), first)
            while at >= 0 and not pattern.startswith(whole[at:]):
                at = whole.find(pattern[0], at + 1, first)
            first = at if at >= 0 else first
        return first


def _forms(value: str | bytes) -> Iterator[str]:
    """How a value may stand in a text."""
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    text = raw.decode("utf-8", "backslashreplace")
    for one in {text, text.strip()}:
        if len(one.strip()) < SHORTEST_HIDDEN:
            continue
        yield one.strip()
        yield from (line for line in map(str.strip, one.splitlines()) if len(line) >= SHORTEST_PART)
        yield from (repr(one)[1:-1], json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1])
        yield from (html.escape(one), quote(one, safe=""), quote(one), quote_plus(one))
        yield quote(one, safe="").replace("%2F", "%2f").replace("%3A", "%3a")
        yield from _in_base64(raw if one == text else one.encode())


def _in_base64(raw: bytes) -> Iterator[str]:
    """What of a value stands in base64 in any case, wherever in the encoded text it begins."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        whole = encoded[-(-before * 4 // 3) : len(encoded) - ((before + len(raw)) % 3 > 0)]
        if len(whole) >= SHORTEST_PART:
            yield whole
            yield whole.translate(_URL_SAFE)


_URL_SAFE = str.maketrans("+/", "-_")


def _pieces(form: str) -> Iterator[str]:
    """The form, or so many parts of it that cover it."""
    for at in range(0, len(form), PIECE):
        begin = min(at, max(0, len(form) - PIECE))
        yield form[begin : begin + PIECE]
