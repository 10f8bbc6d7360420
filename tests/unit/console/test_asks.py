"""Parameters of requests, read strictly."""

from datetime import UTC, datetime, timedelta

import pytest

from flyte_console.core.asks import Ask, BadAsk
from flyte_console.core.sessions import SeenPlace, Session

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Session(
    kind="program",
    user="ann",
    places=(SeenPlace(project="p", domain="d"),),
    ends_at=NOW + timedelta(hours=1),
    seen_at=NOW,
)


def asked(**query: str) -> Ask:
    return Ask({}, {name: [text] for name, text in query.items()}, SESSION)


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T01:00:00+01:00"])
def test_a_time_without_a_zone_is_utc(text: str) -> None:
    assert asked(since=text).moment("since") == NOW


@pytest.mark.parametrize(
    "text", ["6471-06-28T23:44:45+01:06", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "soon"]
)
def test_a_time_that_nothing_can_be_added_to_is_none(text: str) -> None:
    with pytest.raises(BadAsk, match="since is"):
        asked(since=text).moment("since")
