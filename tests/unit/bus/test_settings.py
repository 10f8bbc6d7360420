"""What the bus is told by its environment."""

from pathlib import Path

import pytest

from flyte_bus import security
from flyte_bus.security import Security
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


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CA", "CERT", "KEY", "CREDS"):
        monkeypatch.delenv(f"FLYTE_NATS_{name}", raising=False)
        (tmp_path / name).touch()
    return tmp_path


def test_each_file_is_named_by_its_variable(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert security.from_environment() == Security()
    for name in ("CA", "CERT", "KEY", "CREDS"):
        monkeypatch.setenv(f"FLYTE_NATS_{name}", str(files / name))
    found = security.from_environment(ca="elsewhere")
    assert found == Security(ca=files / "CA", cert=files / "CERT", key=files / "KEY", creds=files / "CREDS")
    assert found.wants_tls and not Security(creds=files / "CREDS").wants_tls


def test_certificates_may_stand_in_the_variable(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "-----BEGIN CERTIFICATE-----\n"
    monkeypatch.setenv("FLYTE_NATS_CA", text)
    assert security.from_environment() == Security(ca_text=text)
    assert security.from_environment().wants_tls


def test_a_configuration_may_name_who_vouches(files: Path) -> None:
    assert security.from_environment(ca=str(files / "CA")).ca == files / "CA"


def test_a_file_that_is_not_there_and_half_a_pair_are_refused(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTE_NATS_CERT", str(files / "CERT"))
    with pytest.raises(ValueError, match="FLYTE_NATS_CERT and FLYTE_NATS_KEY belong together"):
        security.from_environment()
    monkeypatch.setenv("FLYTE_NATS_KEY", str(files / "no such file"))
    with pytest.raises(ValueError, match="FLYTE_NATS_KEY names"):
        security.from_environment()


def test_tls_is_wanted_by_the_address_too() -> None:
    assert BusSettings(url="tls://h:1").wants_tls
    assert not BusSettings(url="nats://h:1").wants_tls
