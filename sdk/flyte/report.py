"""A task's HTML report: what `@env.task(report=True)` shows beside its outputs.

`log` and `replace` write to the main tab, `get_tab` gives others. `flush` stores the page as it is now; what
was written since is stored when the task ends, however it ends. `log`, `replace` and `flush` have `.aio`
forms. What they are given is HTML text, a matplotlib or plotly figure, or what a notebook shows as HTML (a
pandas table). `run.get_report()` and `flyte get report RUN` show it.
"""

import datetime
import html
from collections.abc import Callable
from typing import Any

from flyte._runtime import controller
from flyte._runtime.context import ctx
from flyte._runtime.reports import MAIN, Report, Tab
from flyte._syncify import Syncified

__all__ = [
    "Report",
    "Tab",
    "Timeline",
    "abbreviate",
    "current_report",
    "duration_ms",
    "flush",
    "get_tab",
    "log",
    "replace",
]


def current_report() -> Report:
    """The report of the running task; outside of one a new report that nobody will see."""
    report: Report | None = ctx().report
    return Report("nowhere") if report is None else report


def get_tab(name: str, create_if_missing: bool = True) -> Tab:
    """A tab of the running task's report. Raises ValueError when it shall not be made and is not there."""
    return current_report().get_tab(name, create_if_missing)


async def _flush() -> None:
    """Store the page as it is now. Raises RuntimeSystemError when the artifact store cannot be reached."""
    current = controller.current()
    if current is not None:
        await current.publish(current_report())


flush = Syncified(_flush)


class _Writing:
    """Writes to the main tab; only storing the page takes time."""

    def __init__(self, write: Callable[[Tab, object], None], doc: str) -> None:
        self._write = write
        self.__doc__ = doc

    def __call__(self, content: object, do_flush: bool = False) -> None:
        self._write(get_tab(MAIN), content)
        if do_flush:
            flush()

    async def aio(self, content: object, do_flush: bool = False) -> None:
        """The same, to be awaited."""
        self._write(get_tab(MAIN), content)
        if do_flush:
            await flush.aio()


log = _Writing(
    Tab.log,
    "Add HTML or a figure to the main tab, and store the page with `do_flush`; raises as `flush` does.",
)
replace = _Writing(Tab.replace, "Show this alone in the main tab; for the rest, see `log`.")


class Timeline:
    """Rows of what happened, one below the other, in a tab of the running task's report."""

    def __init__(self, tab_name: str = MAIN) -> None:
        self._tab = get_tab(tab_name)

    def heading(self, text: str) -> None:
        """A line above the rows that follow."""
        self._tab.log(f"<h3>{html.escape(text)}</h3>")

    def row(
        self, *, icon: str = "•", label: str = "", meta: str = "", detail: str = "", error: str | None = None
    ) -> None:
        """One row; `detail` is text that is folded away, `error` is text in red."""
        head = (
            f"{html.escape(icon)} <b>{html.escape(label)}</b> "
            f'<span style="color:#777">{html.escape(meta)}</span>'
        )
        wrong = f'<pre style="color:#b00020">{html.escape(error)}</pre>' if error else ""
        more = f"<pre>{html.escape(detail)}</pre>" if detail else ""
        folded = f"<details><summary>{head}</summary>{more}</details>" if more else f"<div>{head}</div>"
        self._tab.log(folded + wrong)


def abbreviate(value: Any, limit: int = 300) -> str:
    """A value as text of at most `limit` characters."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def duration_ms(start_iso: str, end_iso: str) -> float:
    """Milliseconds between two moments in ISO 8601. Raises ValueError."""
    start, end = map(datetime.datetime.fromisoformat, (start_iso, end_iso))
    return (end - start).total_seconds() * 1000
