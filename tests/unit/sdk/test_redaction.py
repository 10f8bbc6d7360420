"""No value of a secret stands in what is told, and how the text was cut makes no difference."""

import base64
import json
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte._runtime.redaction import HIDDEN, PIECE, Redactor

LETTERS = "abAB01 /+%\n\"'é"
STEP = 37
"""How many characters of a long text come at a time."""
VALUES = st.text(LETTERS, min_size=4, max_size=12).filter(lambda value: len(value.strip()) >= 4)


@st.composite
def printed(draw: st.DrawFn) -> tuple[list[str], str, list[str]]:
    """Secrets, a text in which they stand among other things, and the text in pieces."""
    secrets = draw(st.lists(VALUES, min_size=1, max_size=3))
    forms = [form for one in secrets for form in (one, _base64(one), quote(one, safe=""), repr(one))]
    parts = draw(st.lists(st.sampled_from(forms) | st.text(LETTERS, max_size=5), max_size=8))
    text = "".join(parts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    edges = [0, *cuts, len(text)]
    return secrets, text, [text[a:b] for a, b in pairwise(edges)]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@given(printed())
def test_any_cutting_gives_the_same_text_and_counts_every_byte(
    case: tuple[list[str], str, list[str]],
) -> None:
    secrets, text, pieces = case
    redactor = Redactor(secrets)
    stream = redactor.stream()
    told = [stream.feed(piece, len(piece.encode())) for piece in pieces] + [stream.end()]
    assert "".join(text for text, _ in told) == redactor.text(text)
    assert sum(size for _, size in told) == len(text.encode())
    assert all(size > 0 for text, size in told if text)


@given(printed())
def test_no_value_is_left_in_the_text(case: tuple[list[str], str, list[str]]) -> None:
    secrets, text, _ = case
    told = Redactor(secrets).text(text)
    for secret in secrets:
        assert secret.strip() not in told
        assert quote(secret.strip(), safe="") not in told


@given(st.text(LETTERS, max_size=40), st.lists(VALUES, max_size=2))
def test_a_text_without_the_values_is_left_as_it_is(text: str, secrets: list[str]) -> None:
    redactor = Redactor(["zzzz-not-there-zzzz"])
    assert redactor.text(text) == text
    stream = redactor.stream()
    assert "".join(stream.feed(letter, 1)[0] for letter in text) + stream.end()[0] == text


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_it_is_found_in_base64_wherever_it_begins(before: str) -> None:
    value = "correct horse battery"
    encoded = base64.b64encode(f"{before}{value}:more".encode()).decode()
    told = Redactor([value]).text(f"Authorization: Basic {encoded}")
    assert HIDDEN in told
    assert not any(encoded[at : at + 4] in told for at in range(8, 24))


@pytest.mark.parametrize(
    "shown", [json.dumps('say "so"\nand more'), repr('say "so"\nand more'), 'say "so"\nand more', "and more!"]
)
def test_it_is_found_as_programs_write_it_and_line_by_line(shown: str) -> None:
    told = Redactor(['say "so"\nand more']).text(f"<{shown}>")
    assert "and more" not in told
    assert HIDDEN in told


def test_a_value_longer_than_a_piece_is_hidden_whole_and_little_is_held_back() -> None:
    value = "".join(f"{number:05}" for number in range(3000))
    stream = Redactor([value]).stream()
    told, held, whole = "", 0, f"[{value}]"
    for at in range(0, len(whole), STEP):
        piece = whole[at : at + STEP]
        said, size = stream.feed(piece, len(piece))
        held += len(piece) - size
        assert held < PIECE
        told += said
    assert told + stream.end()[0] == f"[{HIDDEN}]"


def test_values_that_touch_or_overlap_become_one() -> None:
    redactor = Redactor(["abcdef", "defghi", "jklm"])
    assert redactor.text("<abcdefghijklm>") == f"<{HIDDEN}>"
    assert redactor.text("<abcdef><jklm>") == f"<{HIDDEN}><{HIDDEN}>"


def test_what_is_too_short_to_tell_is_not_looked_for() -> None:
    assert not Redactor(["abc", "", "  x "]).is_needed
    assert Redactor(["abc"]).text("abc") == "abc"


def test_of_bytes_that_are_no_text_none_is_lost() -> None:
    stream = Redactor(["\\xffab"]).stream()
    told = [stream.feed("x\\xff", 2), stream.feed("y", 1), stream.feed("\\xff", 1), stream.end()]
    assert "".join(text for text, _ in told) == "x\\xffy\\xff"
    assert sum(size for _, size in told) == 4
