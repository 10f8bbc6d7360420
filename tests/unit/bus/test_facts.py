"""What shared code says, and to whom."""

import pytest
import structlog

from flyte_bus.facts import Facts


@pytest.fixture(autouse=True)
def _unconfigured() -> object:
    yield structlog.reset_defaults()
    structlog.reset_defaults()


def test_a_program_that_set_up_no_logging_hears_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Facts("test").warning("bus.connection.lost", server="x")
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_service_that_did_hears_everything() -> None:
    heard: list[dict[str, object]] = []

    def hear(_: object, __: str, fact: dict[str, object]) -> dict[str, object]:
        heard.append(fact)
        raise structlog.DropEvent

    structlog.configure(processors=[hear])
    Facts("test").warning("bus.connection.lost", server="x")
    assert heard == [{"event": "bus.connection.lost", "server": "x"}]
