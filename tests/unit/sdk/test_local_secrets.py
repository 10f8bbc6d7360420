"""Secrets of local runs: from variables, from the file of this machine's stack, or a clear word."""

import base64
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

import flyte
from flyte import errors
from flyte_bus.secrets.file import FOLDER, SecretFile
from flyte_schemas.secrets import SecretContent

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOUNT = Path("/etc/flyte/secrets")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLYTE_HOME", str(tmp_path / "home"))
    for variable in ("TOKEN", "TEAM_PEM"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "home"


def keep(home: Path, key: str, value: str, group: str | None = None) -> None:
    encoded = base64.b64encode(value.encode()).decode()
    content = SecretContent(key=key, group=group, value=encoded)
    SecretFile(home / FOLDER).put(content, NOON)


def run(task: object) -> object:
    return flyte.with_runcontext(mode="local").run(task).outputs().o0  # type: ignore[arg-type]


def test_a_variable_stands_before_the_file_and_the_file_before_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = flyte.TaskEnvironment(name="local_secrets", secrets="token")

    @env.task(retries=3)
    def look() -> str:
        return os.environ["TOKEN"]

    with pytest.raises(errors.RuntimeUserError) as missing:
        run(look)
    assert missing.value.code == "SecretMissing"
    assert "looked in the variable TOKEN, " in str(missing.value)
    keep(home, "token", "of the file")
    assert run(look) == "of the file"
    assert "TOKEN" not in os.environ
    monkeypatch.setenv("TOKEN", "of the variable")
    assert run(look) == "of the variable"


async def test_a_file_is_there_while_the_run_is(home: Path) -> None:
    keep(home, "pem", "a line\n", "team")
    env = flyte.TaskEnvironment(name="local_files", secrets=flyte.Secret("pem", "team", MOUNT))

    @env.task
    async def look() -> list[str]:
        file = Path(os.environ["FLYTE_SECRETS_DIR"], "team", "pem")
        return [file.read_text(), str(file)]

    found = (await flyte.with_runcontext(mode="local").run.aio(look)).outputs().o0
    assert found[0] == "a line\n"
    assert not Path(found[1]).parent.parent.exists()


def test_a_child_has_its_own_and_its_failure_is_its_parents(home: Path) -> None:
    with_secret = flyte.TaskEnvironment(name="with_secret", secrets="token")
    without = flyte.TaskEnvironment(name="without", depends_on=[with_secret])

    @with_secret.task
    def child() -> str:
        return os.environ["TOKEN"]

    @without.task
    def parent() -> str:
        try:
            return child()
        except errors.RuntimeUserError as error:
            return error.code

    assert run(parent) == "SecretMissing"
    keep(home, "token", "there")
    assert run(parent) == "there"


def test_a_file_that_cannot_be_used_is_named(home: Path) -> None:
    keep(home, "token", "value")
    (home / FOLDER / "key").chmod(0o644)
    env = flyte.TaskEnvironment(name="broken_file", secrets="token")

    @env.task
    def look() -> str:
        return os.environ["TOKEN"]

    with pytest.raises(errors.RuntimeUserError, match="chmod 600"):
        run(look)
