"""Subjects and patterns match as in NATS."""

import pytest

from flyte_bus.matching import is_literal, matches


@pytest.mark.parametrize(
    ("pattern", "subject", "is_match"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a", False),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("*", "a", True),
        ("a.>", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a", True),
        ("a.*.>", "a.b.c", True),
        ("a.*.>", "a.b", False),
        ("a.b*", "a.bc", False),
    ],
)
def test_a_pattern_means_what_nats_says(pattern: str, subject: str, is_match: bool) -> None:
    assert matches(pattern, subject) is is_match


def test_a_pattern_with_a_wildcard_is_not_literal() -> None:
    assert is_literal("a.b*.c")
    assert not is_literal("a.*")
    assert not is_literal("a.>")
