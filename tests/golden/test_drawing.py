"""The diagram in ARCHITECTURE.md is the one that the table of transitions draws."""

from pathlib import Path

import pytest

from flyte_schemas.action import TRANSITIONS
from flyte_schemas.drawing import draw
from testkit.golden import is_golden, replace_block

PAGE = Path(__file__).parents[2] / "ARCHITECTURE.md"
NEW_PAGE = "# Architecture\n\n<!-- transitions -->\n<!-- /transitions -->\n"


def test_the_page_shows_the_table_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else NEW_PAGE
    wanted = replace_block(page, "transitions", f"```mermaid\n{draw()}\n```")
    assert is_golden(PAGE, wanted), "the diagram is out of date: FLYTE_GOLDEN=write draws it again"


def test_every_transition_is_drawn() -> None:
    lines = draw().splitlines()
    for (before, event), after in TRANSITIONS.items():
        arrow = f"{before or '[*]'} --> {after}: "
        (line,) = [line for line in lines if line.strip().startswith(arrow)]
        assert event.__name__ in line.partition(": ")[2].split(", ")


def test_a_page_without_the_place_for_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="transitions"):
        replace_block("# Architecture\n", "transitions", "new")


def test_only_the_block_is_replaced() -> None:
    page = "before\n<!-- x -->\nold\n<!-- /x -->\nafter\n"
    assert replace_block(page, "x", "new") == "before\n<!-- x -->\nnew\n<!-- /x -->\nafter\n"
