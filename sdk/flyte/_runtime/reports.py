"""A task's HTML report while it is written: tabs of HTML, and the page that they make."""

import html
import warnings
from dataclasses import dataclass, field

from flyte._runtime.shown import html_of
from flyte.errors import RuntimeUserError

MAIN = "main"
"""The tab that is shown first."""

_STYLE = """
body { font-family: system-ui, sans-serif; margin: 0; color: #1a1a1a; background: #fff; }
nav { display: flex; gap: 0.25rem; padding: 0.5rem 1rem 0; border-bottom: 1px solid #ccc; }
nav label { padding: 0.4rem 0.9rem; cursor: pointer; border-radius: 0.4rem 0.4rem 0 0; }
input[name=tab] { position: absolute; opacity: 0; }
section { display: none; padding: 1rem; }
"""


@dataclass(slots=True)
class Tab:
    """One tab: HTML, piece after piece."""

    name: str
    content: list[str] = field(default_factory=list)

    def log(self, content: object) -> None:
        """Add HTML, a figure or a table at the end. Raises TypeError for what cannot be shown."""
        self.content.append(html_of(content))

    def replace(self, content: object) -> None:
        """Show this instead of what was there. Raises TypeError for what cannot be shown."""
        self.content = [html_of(content)]

    def get_html(self) -> str:
        """All of it."""
        return "\n".join(self.content)


@dataclass(slots=True)
class Report:
    """A report: its name, and its tabs by name."""

    name: str
    tabs: dict[str, Tab] = field(default_factory=dict)
    published: str = ""
    """The page as it was stored last."""
    hidden: tuple[str, ...] = ()
    """Values of secrets, which the page does not show."""

    def has_content(self) -> bool:
        """Whether anything was written."""
        return any(tab.content for tab in self.tabs.values())

    def get_tab(self, name: str, create_if_missing: bool = True) -> Tab:
        """The tab of this name. Raises ValueError when it is not there and shall not be made."""
        if name not in self.tabs:
            if not create_if_missing:
                raise ValueError(f"the report has no tab {name!r}, only {', '.join(self.tabs) or 'none'}")
            self.tabs[name] = Tab(name)
        return self.tabs[name]

    def get_final_report(self) -> str:
        """The whole page, with one tab shown at a time; it needs nothing from elsewhere."""
        shown = [tab for tab in self.tabs.values() if tab.content or len(self.tabs) == 1]
        shown.sort(key=lambda tab: tab.name != MAIN)
        buttons, sections, rules = [], [], []
        for index, tab in enumerate(shown):
            checked = " checked" if index == 0 else ""
            buttons.append(f'<input type="radio" name="tab" id="tab{index}"{checked}>')
            sections.append(f'<section id="section{index}">\n{tab.get_html()}\n</section>')
            rules.append(f"#tab{index}:checked ~ #section{index} {{ display: block; }}")
            rules.append(f"#tab{index}:checked ~ nav label[for=tab{index}] {{ background: #e4e4e4; }}")
        labels = [
            f'<label for="tab{index}">{html.escape(tab.name)}</label>' for index, tab in enumerate(shown)
        ]
        bar = f"<nav>{''.join(labels)}</nav>" if len(shown) > 1 else ""
        page = "\n".join(
            [
                "<!DOCTYPE html>",
                '<html lang="en"><head><meta charset="utf-8">',
                f"<title>{html.escape(self.name)}</title>",
                f"<style>{_STYLE}{chr(10).join(rules)}</style></head><body>",
                *buttons,
                bar,
                *sections,
                "</body></html>\n",
            ]
        )
        if not self.hidden:
            return page
        from flyte._runtime.redaction import Redactor

        return Redactor(self.hidden).text(page)


def no_report(what: str) -> RuntimeUserError:
    """The error for a run or an action that has no report."""
    return RuntimeUserError(
        "ReportNotFound",
        f"{what} has no report: declare its task with report=True, and write with flyte.report",
    )


def warn_of_no_report() -> None:
    """Say that what was written is kept nowhere."""
    warnings.warn(
        "this task writes a report, but is not declared with report=True: nothing of it is kept",
        stacklevel=2,
    )
