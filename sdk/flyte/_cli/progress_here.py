"""The live view of a local run: the tree of a run on the stack, from what happens in this process.

What the tasks print appears above it. A debugger needs the terminal for itself: `breakpoint()` ends the view.
"""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.live import Live
from rich.text import Text

from flyte._cli.tree import Picture, draw
from flyte._cli.view import Pace, render, rows_for, summary
from flyte._happenings import Happenings

if TYPE_CHECKING:
    from flyte._local import LocalOptions

T = TypeVar("T")


def with_progress(options: "LocalOptions", work: Callable[["LocalOptions"], T]) -> T:
    """Do `work` with a view of what happens in it. Raises what `work` raises."""
    view = _View(Happenings())
    try:
        with view.shown():
            return work(replace(options, happenings=view.happenings))
    finally:
        view.console.print(summary(options.name, view.picture(1)), soft_wrap=True)


class _View:
    def __init__(self, happenings: Happenings) -> None:
        self.happenings = happenings
        self.console = Console(file=sys.stdout, highlight=False)
        self._live = Live(
            console=self.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._streams = contextlib.ExitStack()
        self._over = threading.Event()
        self._drawing = threading.Lock()
        happenings.lend = self._lent

    def picture(self, limit: int) -> Picture:
        """The run as it is now."""
        now = datetime.now(UTC)
        return self.happenings.look(lambda fold: draw(fold, now, limit))

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Draw, now and then, until the block ends."""
        drawer = threading.Thread(target=self._keep_drawing, name="flyte-progress", daemon=True)
        hook = sys.breakpointhook
        self._live.start()
        self._streams.enter_context(contextlib.redirect_stdout(_Above(self.console)))
        self._streams.enter_context(contextlib.redirect_stderr(_Above(self.console)))
        sys.breakpointhook = self._debug
        drawer.start()
        try:
            yield
        finally:
            sys.breakpointhook = hook
            self._give_up()
            drawer.join()

    def _keep_drawing(self) -> None:
        pace = Pace()
        while not self._over.wait(pace.pause_s):
            with self._drawing, pace.drawing():
                if self._over.is_set():
                    return
                self._live.update(render(self.picture(rows_for(self.console))), refresh=True)

    @contextlib.contextmanager
    def _lent(self) -> Iterator[None]:
        """The terminal is somebody else's within the block; what tasks print appears in between."""
        with self._drawing:
            is_shown = not self._over.is_set()
            self._live.stop()
            try:
                yield
            finally:
                if is_shown and not self._over.is_set():
                    self._live.start()

    def _give_up(self) -> None:
        """Take the view away and give the streams back; at once, and once."""
        self._over.set()
        self._streams.close()
        self._live.stop()

    def _debug(self, *args: Any, **kwargs: Any) -> Any:
        """What `breakpoint()` does while there is a view."""
        self._give_up()
        if "PYTHONBREAKPOINT" in os.environ:
            return sys.__breakpointhook__(*args, **kwargs)
        import pdb

        return pdb.Pdb().set_trace(sys._getframe(1))


class _Above(io.TextIOBase):
    """A stream whose lines appear above the view; a line that is begun appears when it is flushed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            for line in lines:
                self._show(line)
        return len(text)

    def flush(self) -> None:
        with self._lock:
            begun, self._begun = self._begun, ""
            if begun:
                self._show(begun)

    def close(self) -> None:
        self.flush()

    def writable(self) -> bool:
        return True

    def _show(self, line: str) -> None:
        self._console.print(Text.from_ansi(line), soft_wrap=True)
