"""The table of who may do what, as the page shows it: written from the matrix."""

from pathlib import Path

from flyte_schemas.access import ROLES
from flyte_schemas.access_table import draw
from testkit.golden import is_golden, replace_block

PAGE = Path(__file__).parents[2] / "docs" / "access.md"


def test_the_page_shows_the_matrix_of_today() -> None:
    wanted = replace_block(PAGE.read_text(encoding="utf-8"), "matrix", draw())
    assert is_golden(PAGE, wanted), "the table is out of date: FLYTE_GOLDEN=write writes it again"


def test_each_pattern_of_each_role_is_in_the_table() -> None:
    written = draw()
    for role in ROLES.values():
        (chapter,) = [one for one in written.split("### ") if one.startswith(f"{role.name}\n")]
        assert all(f"- `{pattern}`" in chapter for pattern in (*role.publish, *role.subscribe))
