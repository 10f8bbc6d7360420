"""What the bus is told by its environment."""

import pytest

from flyte_bus.settings import BusSettings, from_environment


def test_several_servers_stand_with_commas_between_them_and_are_shown_without_passwords() -> None:
    settings = BusSettings(url="nats://u:hush@a:1, b:2")
    assert settings.servers == ["nats://u:hush@a:1", "nats://b:2"]
    assert settings.shown_url == "nats://a:1,nats://b:2"


def test_a_service_waits_for_room_and_keeps_as_many_replicas_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLYTE_NATS_URL", "nats://h:1")
    monkeypatch.setenv("FLYTE_NATS_REPLICAS", "3")
    settings = from_environment("service")
    assert (settings.replicas, settings.waits_for_room) == (3, True)


@pytest.mark.parametrize("text", ["0", "6", "three", "-1", "3.0"])
def test_a_number_of_replicas_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FLYTE_NATS_URL", "nats://h:1")
    monkeypatch.setenv("FLYTE_NATS_REPLICAS", text)
    with pytest.raises(ValueError, match="FLYTE_NATS_REPLICAS"):
        from_environment("service")
