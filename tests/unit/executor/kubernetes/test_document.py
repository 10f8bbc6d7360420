"""What `docs/kubernetes.md` says of the settings is what the executor reads."""

import re
from pathlib import Path

import pytest

from flyte_executor.backends.kubernetes.settings import PREFIX, from_environment

TEXT = (Path(__file__).parents[4] / "docs" / "kubernetes.md").read_text()


class Asked(dict[str, str]):
    """An environment that is empty and remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.names.add(name)
        return default


def test_each_variable_has_its_row() -> None:
    asked = Asked()
    from_environment(asked)
    section = TEXT.partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \|", section, re.MULTILINE)
    assert {row if row.startswith("FLYTE_") else PREFIX + row for row in rows} == asked.names


@pytest.mark.parametrize("rules", re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))
def test_the_rules_shown_are_understood(rules: str) -> None:
    assert from_environment({f"{PREFIX}NODES": rules}).nodes
