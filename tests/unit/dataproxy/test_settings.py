"""The environment of the dataproxy: what it says, and what it may not say."""

from pathlib import Path

import pytest

from flyte_dataproxy.settings import DataproxySettings, from_environment
from flyte_dataproxy.store.secret import load_or_make


def test_objects_lie_below_the_home_unless_a_root_is_named() -> None:
    assert from_environment({"FLYTE_HOME": "/srv/flyte"}).root == Path("/srv/flyte/artifacts")
    assert from_environment({"FLYTE_HOME": "/srv", "FLYTE_DATAPROXY_ROOT": "/data"}).root == Path("/data")
    assert from_environment({}).root == Path.home() / ".flyte" / "artifacts"


def test_it_listens_on_this_machine_alone_unless_told_otherwise() -> None:
    settings = from_environment({})
    assert (settings.host, settings.port, settings.public_url) == ("127.0.0.1", 0, None)


def test_every_variable_is_read() -> None:
    settings = from_environment(
        {
            "FLYTE_DATAPROXY_HOST": "0.0.0.0",
            "FLYTE_DATAPROXY_PORT": "8080",
            "FLYTE_DATAPROXY_PUBLIC_URL": "https://artifacts.example.org",
            "FLYTE_DATAPROXY_URL_TTL_S": "60",
            "FLYTE_DATAPROXY_MAX_OBJECT_BYTES": "1000",
        }
    )
    assert settings == DataproxySettings(
        root=settings.root,
        host="0.0.0.0",
        port=8080,
        public_url="https://artifacts.example.org",
        url_ttl_s=60,
        max_object_bytes=1000,
    )


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"FLYTE_DATAPROXY_PORT": "http"}, "FLYTE_DATAPROXY_PORT"),
        ({"FLYTE_DATAPROXY_URL_TTL_S": "-5"}, "FLYTE_DATAPROXY_URL_TTL_S"),
        ({"FLYTE_DATAPROXY_HOST": "0.0.0.0"}, "FLYTE_DATAPROXY_PUBLIC_URL"),
        ({"FLYTE_DATAPROXY_PUBLIC_URL": "artifacts.example.org"}, "FLYTE_DATAPROXY_PUBLIC_URL"),
    ],
)
def test_what_cannot_work_is_refused_by_the_variable_to_change(variables: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        from_environment(variables)


def test_the_secret_is_made_once_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / ".secret"
    secret = load_or_make(path)
    assert len(secret) == 32
    assert load_or_make(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [".secret"]


def test_two_folders_have_two_secrets(tmp_path: Path) -> None:
    assert load_or_make(tmp_path / "one") != load_or_make(tmp_path / "two")


def test_a_file_that_is_no_secret_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / ".secret").write_bytes(b"short")
    with pytest.raises(ValueError, match="remove it"):
        load_or_make(tmp_path / ".secret")
