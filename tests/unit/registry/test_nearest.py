"""The names that somebody may have meant, among many and long ones."""

import difflib
from typing import Any

import pytest

from flyte_registry.core.nearest import MAX_CHARACTERS, MAX_COMPARED, nearest

LONG = "environment_of_" + "a_team_" * 12
MANY = [f"my_env.load_{number:04}" for number in range(5_000)]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The lengths of the names that are compared in order."""
    lengths: list[tuple[int, int]] = []
    ratio = difflib.SequenceMatcher.ratio

    def counted(matcher: Any) -> float:
        lengths.append((len(matcher.a), len(matcher.b)))
        return ratio(matcher)

    monkeypatch.setattr(difflib.SequenceMatcher, "ratio", counted)
    return lengths


@pytest.mark.parametrize("meant", ["my_env.train_model", "my_env.model_train", "mi_env.train_modle"])
def test_of_many_names_only_the_likely_are_compared(meant: str, compared: list[tuple[int, int]]) -> None:
    assert nearest("my_env.train_modl", [*MANY, meant], 5)[0] == meant
    assert nearest("my_env.load_12345", MANY, 5)[0] in MANY
    assert len(compared) <= 2 * MAX_COMPARED


@pytest.mark.parametrize("asked", [f"{LONG}.trian", f"{LONG}x.train", f"{LONG[:50]}{LONG[51:]}.train"])
def test_long_names_resemble_each_other_by_how_they_begin_and_end(
    asked: str, compared: list[tuple[int, int]]
) -> None:
    others = ["y" * 100 + ".train_all", "my_env.load"]
    assert nearest(asked, [*others, f"{LONG}.train"], 5) == (f"{LONG}.train",)
    assert nearest("my_env.laod", ["z" * MAX_CHARACTERS + ".load", "my_env.load"], 5) == ("my_env.load",)
    assert all(max(pair) <= MAX_CHARACTERS for pair in compared)
