"""Conditions of a local run: asked at this process's terminal, one at a time, when somebody waits."""

import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from flyte import errors
from flyte._limits import LOCAL_LOOK_UP_S
from flyte._runtime.questions import Question, answer_from_text
from flyte_schemas.literals import Answer

Lend = Callable[[], AbstractContextManager[None]]
"""Who draws on the terminal gives it away for the length of a block."""

_EXPECTED = {"bool": "yes or no", "int": "a whole number", "float": "a number", "str": "a line of text"}


class Asking:
    """The terminal, for the questions of one run. `is_over` says that nobody waits for an answer any more."""

    def __init__(self, lend: Lend = nullcontext) -> None:
        self._lend = lend
        self._turn = threading.Lock()

    def ask(self, question: Question, deadline: float | None, is_over: Callable[[], bool]) -> Answer:
        """The answer that is typed; blocks. `deadline` is of the clock `time.monotonic`.

        Raises ConditionTimedoutError, ActionAbortedError when it is over, ConditionFailedError without a
        terminal.
        """
        if not _is_terminal():
            raise errors.ConditionFailedError(
                f"condition {question.name!r} asks {question.prompt!r}, and there is no terminal to ask at: "
                "run it with standard input at one, or on a stack (`flyte signal condition` answers there)"
            )
        with self._turn, self._lend():
            return _ask(question, deadline, is_over)


def _is_terminal() -> bool:
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # there is none, or it was closed
        return False


def _ask(question: Question, deadline: float | None, is_over: Callable[[], bool]) -> Answer:
    more = f"{question.description}\n" if question.description else ""
    expected = _EXPECTED[question.data_type]
    _say(f"{question.prompt}\n{more}{question.name} ({expected}): ")
    for line in _lines(question, deadline, is_over):
        answer = answer_from_text(question.data_type, line)
        if answer is not None:
            return answer
        _say(f"{line!r} is not {expected}\n{question.name} ({expected}): ")
    raise errors.ConditionFailedError(
        f"condition {question.name!r}: the terminal was closed without an answer"
    )


def _lines(question: Question, deadline: float | None, is_over: Callable[[], bool]) -> Iterator[str]:
    """The lines that are typed, until the terminal is closed."""
    terminal = sys.stdin.fileno()
    typed = b""
    while True:
        left_s = None if deadline is None else deadline - time.monotonic()
        if left_s is not None and left_s <= 0:
            _say("\n")
            raise errors.ConditionTimedoutError(f"nobody answered within {question.timeout_s:g} s")
        if is_over():
            _say("\n")
            raise errors.ActionAbortedError("the task that asked has ended")
        pause_s = LOCAL_LOOK_UP_S if left_s is None else min(left_s, LOCAL_LOOK_UP_S)
        if not select.select([terminal], [], [], pause_s)[0]:
            continue
        if not (some := os.read(terminal, 4096)):
            return
        *lines, typed = (typed + some).split(b"\n")
        yield from (line.decode(errors="replace").rstrip("\r") for line in lines)


def _say(text: str) -> None:
    stream = sys.__stderr__ or sys.stderr
    stream.write(text)
    stream.flush()
