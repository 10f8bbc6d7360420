"""Secrets by the SDK and the command line, on a control plane in memory: what is kept, refused and told."""

import io
import json
from pathlib import Path

import pytest
import typer

from flyte import _session, errors
from flyte._cli import create_secret as typed
from flyte._client import secrets as client_secrets
from flyte._client.client import Client
from flyte._client.secrets import _create, _delete_one, _get, _list, create_secret
from flyte._config import ClientConfig
from flyte_executor.secrets.file import FileStore
from flyte_executor.secrets.service import Secrets
from flyte_schemas.secrets import SECRETS_KEY, GetSecretsKey, SecretScope, SecretsKey
from testkit.plane import Plane


@pytest.fixture
async def kept(plane: Plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    """The store of an executor that answers; the client is of project p and domain d."""
    client = Client(ClientConfig(endpoint="memory", project="p", domain="d"))
    monkeypatch.setattr(client, "bus", plane.bus)
    monkeypatch.setattr(_session, "client", lambda: client)
    store = FileStore(tmp_path / "secrets")
    await Secrets(plane.theirs, store).start()
    return store


async def value_of(
    store: FileStore, scope: SecretScope, key: str = "token", group: str | None = None
) -> bytes:
    found = await store.find([scope], group, key)
    assert found is not None
    return found


async def test_a_value_is_kept_for_its_scope_and_never_told(kept: FileStore) -> None:
    await _create("token", "text of p/d")
    await _create("token", b"\xff\x00", scope="domain")
    await _create("token", "everybody's", scope="global", group="team")
    assert await value_of(kept, SecretScope("p", "d")) == b"text of p/d"
    assert await value_of(kept, SecretScope(None, "d")) == b"\xff\x00"
    assert await value_of(kept, SecretScope(), group="team") == b"everybody's"
    listed = [one async for one in _list()]
    assert [(one.name, one.group, one.scope.kind) for one in listed] == [
        ("token", None, "project"),
        ("token", None, "domain"),
        ("token", "team", "global"),
    ]
    found = await _get("token")
    assert (found.name, found.type, str(found.scope)) == ("token", "regular", "p/d")
    assert found.created_at is not None
    assert "text of" not in found.to_json() + repr(found)
    assert json.loads(found.to_json())["scope"] == "project"


async def test_what_is_deleted_or_was_never_there_is_named(kept: FileStore) -> None:
    await _create("token", "value")
    await _delete_one("token")
    for asked in (_get("token"), _delete_one("token")):
        with pytest.raises(errors.RuntimeUserError, match="there is no secret 'token' of p/d") as missing:
            await asked
        assert missing.value.code == "SecretNotFound"
    with pytest.raises(errors.RuntimeUserError, match="'team/token' of domain d"):
        await _delete_one("token", group="team", scope="domain")


async def test_what_cannot_be_kept_says_why_and_shows_no_value(kept: FileStore) -> None:
    for name, value, sentence in (
        ("a b", "hunter2", "no secret can be called 'a b'"),
        ("", "hunter2", "no secret can be called ''"),
        ("token", "", "has 0 bytes, not 1 to 65536"),
        ("token", "hunter2" * 10_000, "has 70000 bytes, not 1 to 65536"),
    ):
        with pytest.raises(ValueError, match=sentence) as refused:
            await _create(name, value)
        assert "hunter2" not in str(refused.value)
    with pytest.raises(ValueError, match="scope is project, domain or global, not 'world'"):
        await _create("token", "value", scope="world")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no secret can be called 'a/b'"):
        await _delete_one("a/b")
    with pytest.raises(errors.RuntimeUserError, match="docker login") as by_store:
        await _create("login", "{}", "image_pull")
    assert by_store.value.code == "SecretRefused"


async def test_of_several_executors_the_one_that_a_value_was_sealed_for_gets_it(
    kept: FileStore, plane: Plane, tmp_path: Path
) -> None:
    other = FileStore(tmp_path / "other")
    await Secrets(plane.theirs, other).start()
    for number in range(3):
        await _create(f"token{number}", "value")
    there = [await store.visible([SecretScope("p", "d")]) for store in (kept, other)]
    assert sum(map(len, there)) == 3


async def test_a_key_that_is_nobodys_is_given_up(
    kept: FileStore, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flyte_bus.secrets.sealing import Opener

    async def wrong(question: GetSecretsKey) -> SecretsKey:
        return SecretsKey(public=Opener().public, store="file")

    monkeypatch.setattr(client_secrets, "TRIES", 2)
    servers = [await plane.theirs.serve(SECRETS_KEY, wrong) for _ in range(9)]
    with pytest.raises(errors.RuntimeSystemError, match="another executor answered"):
        for _ in range(20):  # by chance the right one may answer
            await create_secret("token", "value")
    for server in servers:
        await server.stop()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"value": "a", "from_file": "b"}, "say one of --value, --from-file, --from-docker-config"),
        ({"registry": "r", "from_docker_config": True}, "say one of --value"),
        ({"registry": "r"}, "--registry, --username and --password belong together"),
        ({"username": "u"}, "--registry, --username and --password belong together"),
        ({"password": "hunter2"}, "--registry, --username and --password belong together"),
        ({"from_docker_config": True, "type": "regular"}, "is a secret of --type image_pull"),
        ({"from_docker_config": True}, "holds no passwords"),
        ({}, "nobody can be asked for the value here"),
        ({"from_file": "not-there"}, "No such file"),
    ],
)
def test_options_that_do_not_fit_are_named(
    options: dict[str, object], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r": {}}, "credsStore": "desktop"}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    monkeypatch.setattr(typed, "settle", lambda *args, **words: None)
    context = typer.Context(typer.main.get_command(_app()))
    with pytest.raises((ValueError, OSError), match=sentence) as refused:
        typed.create_secret(context, "token", **options)  # type: ignore[arg-type]
    assert "hunter2" not in str(refused.value)


def test_what_docker_has_written_and_a_login_are_the_same_to_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = typed._login("registry.example", "me", "hunter2")
    (tmp_path / "config.json").write_bytes(login)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert json.loads(typed._docker_config()) == json.loads(login)
    (tmp_path / "config.json").write_text("no json")
    with pytest.raises(ValueError, match="cannot be read as docker writes it"):
        typed._docker_config()


def _app() -> typer.Typer:
    app = typer.Typer()
    app.command()(typed.create_secret)
    return app
