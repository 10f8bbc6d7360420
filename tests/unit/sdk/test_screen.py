"""What others have written reaches a terminal as text, not as orders to it."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import pytest

from flyte import _screen as screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def guarded() -> Iterator[Terminal]:
    """Standard output as a terminal that is guarded."""
    made = Terminal()
    with redirect_stdout(made):
        screen.guard()
        screen.guard()  # once is enough
        yield made


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        ("\x1b]52;c;ZXZpbA==\x07", r"\x1b]52;c;ZXZpbA==\x07"),
        ("\x1b]0;title\x1b\\", "\\x1b]0;title\\x1b\\"),
        ("\x1b]8;;http://evil\x07here", r"\x1b]8;;http://evil\x07here"),
        ("\x1b[6n\x1b[c\x1b[21t", r"\x1b[6n\x1b[c\x1b[21t"),
        ("\x1bP+q544e\x1b\\", "\\x1bP+q544e\\x1b\\"),
        ("\x9d52;c;eA==\x9c\x9b6n", r"\x9d52;c;eA==\x9c\x9b6n"),
        ("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H"),
        ("\x1bc\x00\x07\x7f", r"\x1bc\x00\x07\x7f"),
    ],
)
def test_an_order_to_the_terminal_is_shown(order: str, shown: str) -> None:
    with guarded() as terminal:
        print(f"before {order} after", flush=True)
    assert terminal.getvalue() == f"before {shown} after\n"


def test_colours_and_lines_pass() -> None:
    text = "\x1b[31mred\x1b[0m\ttab\r\b\x1b[38:2:1:2:3mré\x1b[m\n"
    with guarded() as terminal:
        assert sys.stdout.write(text) == len(text)
        sys.stdout.writelines([text])
        assert sys.stdout.isatty()
    assert terminal.getvalue() == text * 2


def test_only_who_draws_moves_the_cursor() -> None:
    with guarded() as terminal:
        with screen.drawing():
            print("\x1b[2K\x1b[1A\x1b[?25l", end="")
            print("\x1b]52;c;eA==\x07\x1b[6n\x1b[?1049h", end="")
        print("\x1b[1A", end="")
    assert terminal.getvalue() == "\x1b[2K\x1b[1A\x1b[?25l" + r"\x1b]52;c;eA==\x07\x1b[6n\x1b[?1049h\x1b[1A"


def test_ones_own_code_does_as_it_likes() -> None:
    with guarded() as terminal:
        screen.leave()
        print("\x1b[2J", end="")
    assert terminal.getvalue() == "\x1b[2J"


def test_who_redirects_gets_every_byte() -> None:
    plain = io.StringIO()
    with redirect_stdout(plain):
        screen.guard()
        print("\x1b]52;c;eA==\x07", end="")
    assert plain.getvalue() == "\x1b]52;c;eA==\x07"


def test_who_draws_within_a_drawing_takes_nothing_from_it() -> None:
    with guarded() as terminal, screen.drawing():
        with screen.drawing():
            pass
        print("\x1b[1A", end="")
    assert terminal.getvalue() == "\x1b[1A"
