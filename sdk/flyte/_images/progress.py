"""What a build says, for people: which step it is at, and of a failing step its own last lines.

Reads the lines of BuildKit's `--progress plain`: `#7 [3/6] RUN …` begins a step, `#7 0.5 text` is its output,
and `#7 CACHED`, `#7 DONE 1.2s` or `#7 ERROR: …` end it.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence

LAST_LINES = 20
"""How much of what a failing step printed is shown."""
LONG_S = 1.0
"""Of a step that took longer, how long it took is said."""

_LINE = re.compile(r"#(\d+) (.*)")
_BEGUN = re.compile(r"\[(?:(?P<stage>[^\]\s]+) +)?(?P<number>\d+)/(?P<of>\d+)\] (?P<text>.*)")
_OUTPUT = re.compile(r"\d+\.\d+ (.*)")
_DONE = re.compile(r"DONE (\d+(?:\.\d+)?)s")
_EXIT_CODE = re.compile(r"exit code: (\d+)")


class Progress:
    """Takes the lines of one build; `labels` names its numbered instructions, if we wrote them."""

    def __init__(self, labels: Sequence[str], say: Callable[[str], None]) -> None:
        self._labels = labels
        self._say = say
        self._steps: dict[str, str] = {}
        self._printed: dict[str, deque[str]] = {}
        self._all: deque[str] = deque(maxlen=LAST_LINES)
        self._failed: tuple[str, str] | None = None

    def feed(self, line: str) -> None:
        """Take one line, and say what it means."""
        line = line.rstrip()
        if line:
            self._all.append(line)
        found = _LINE.fullmatch(line)
        if found is None:
            return
        step, text = found.groups()
        if text.startswith("ERROR"):
            self._failed = self._failed or (step, text.removeprefix("ERROR").lstrip(": "))
        elif (done := _DONE.fullmatch(text)) and step in self._steps and float(done[1]) >= LONG_S:
            self._say(f"  {self._steps[step].partition(' ')[0]} took {float(done[1]):.1f} s")
        elif output := _OUTPUT.fullmatch(text):
            self._printed.setdefault(step, deque(maxlen=LAST_LINES)).append(output[1])
        elif step not in self._steps and text.startswith("["):
            self._begin(step, text)

    def failure(self) -> tuple[str, list[str]]:
        """What failed, in a sentence, and the last lines of its own."""
        if self._failed is None:
            return "docker said", list(self._all)
        step, reason = self._failed
        lines = list(self._printed.get(step, ()))
        what = self._steps.get(step, "the build")
        code = _EXIT_CODE.search(reason)
        if code is not None:
            return f"step {what} ended with exit code {code[1]}", lines
        return f"{what}: {reason}", lines

    def _begin(self, step: str, text: str) -> None:
        begun = _BEGUN.fullmatch(text)
        if begun is None:
            self._steps[step] = text
            return
        number, of = int(begun["number"]), int(begun["of"])
        label = self._labels[number - 1] if len(self._labels) == of else begun["text"]
        self._steps[step] = f"[{number}/{of}] {label}"
        self._say(f"  {self._steps[step]}")
