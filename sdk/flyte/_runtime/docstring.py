"""The parts of a docstring that a task shows: summary, and what it says of each parameter.

Understands Google style (`Args:` with indented `name: text`), Sphinx style (`:param name: text`) and NumPy
style (`Parameters`, underlined, with `name : type` and the text indented below).
"""

import inspect
import re
from dataclasses import dataclass, field

_SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns|Return|Raises|Yields|Examples?|Notes?):\s*$")
_GOOGLE_ITEM = re.compile(r"^(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")
_NUMPY_RULE = re.compile(r"^-{3,}\s*$")
_NUMPY_ITEM = re.compile(r"^(\w+)\s*(?::.*)?$")
_SPHINX_ITEM = re.compile(r"^:param\s+(?:[^:]*\s)?(\w+):\s*(.*)$")
_SPHINX_RETURN = re.compile(r"^:returns?:\s*(.*)$")
_INPUTS = ("Args", "Arguments", "Parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Docstring:
    """`summary` is the first line, `prose` what comes before the first section, `text` the whole;
    `parameters` maps names to what is said of them.
    """

    summary: str = ""
    prose: str = ""
    text: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    returns: str = ""


def parse_docstring(raw: str | None) -> Docstring:
    """The parts of `raw`; empty parts when there is nothing to read."""
    if not raw:
        return Docstring()
    text = inspect.cleandoc(raw)
    lines = _as_google(text.splitlines())
    parameters: dict[str, str] = {}
    returns: list[str] = []
    section, current, base_indent = "", "", -1
    for line in lines[1:]:
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        if found := _SECTION.match(line):
            section, current, base_indent = found[1], "", -1
        elif found := _SPHINX_ITEM.match(stripped):
            section, current = "sphinx", found[1]
            parameters[current] = found[2]
        elif found := _SPHINX_RETURN.match(stripped):
            section, current = "Returns", ""
            returns.append(found[1])
        elif not stripped or stripped.startswith(":"):
            current = ""
        elif indent == 0 and section != "sphinx":
            section = ""
        elif section in _INPUTS:
            base_indent = indent if base_indent < 0 else base_indent
            found = _GOOGLE_ITEM.match(stripped) if indent <= base_indent else None
            if found:
                current = found[1]
                parameters[current] = found[2]
            elif current:
                parameters[current] = f"{parameters[current]} {stripped}".strip()
        elif section == "sphinx" and current:
            parameters[current] = f"{parameters[current]} {stripped}".strip()
        elif section in ("Returns", "Return"):
            returns.append(stripped)
    return Docstring(
        summary=lines[0],
        prose=_prose(lines),
        text=text,
        parameters=parameters,
        returns=" ".join(returns).strip(),
    )


def _as_google(lines: list[str]) -> list[str]:
    """The same lines with sections of NumPy style written in Google's."""
    written: list[str] = []
    section = ""
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if _NUMPY_RULE.match(line) and section == (written[-1].rstrip(":") if written else ""):
            continue
        if _SECTION.match(f"{line}:") and _NUMPY_RULE.match(following):
            section = line.strip()
            written.append(f"{section}:")
        elif section in _INPUTS and (found := _NUMPY_ITEM.match(line)):
            written.append(f"    {found[1]}:")
        elif section and line.strip():
            written.append(f"        {line.strip()}")
        else:
            written.append(line)
    return written


def _prose(lines: list[str]) -> str:
    for index, line in enumerate(lines):
        if _SECTION.match(line) or line.startswith((":param", ":return")):
            return "\n".join(lines[:index]).rstrip()
    return "\n".join(lines)
