"""The encrypted file of secrets: what is in it, who can read it, and what becomes of a broken one."""

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flyte_bus.secrets.file import BOX, KEY, SecretFile, SecretFileUnusable, SecretName
from flyte_schemas.secrets import SecretContent, SecretScope

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 6, 2, 12, tzinfo=UTC)
PLACE = SecretScope("p", "d")


def content(key: str = "token", value: bytes = b"hunter2-hunter2", group: str | None = None) -> SecretContent:
    encoded = base64.b64encode(value).decode()
    return SecretContent(key=key, group=group, project="p", domain="d", value=encoded)


@pytest.fixture
def file(tmp_path: Path) -> SecretFile:
    return SecretFile(tmp_path / "secrets")


def test_what_is_kept_is_there_for_another_process_and_a_new_value_replaces_the_old(
    tmp_path: Path, file: SecretFile
) -> None:
    assert not file.put(content(), NOON)
    assert file.put(content(value=b"\xff\x00"), LATER)
    kept = SecretFile(tmp_path / "secrets").read()
    one = kept[SecretName(PLACE, None, "token")]
    assert (one.value, one.created_at, one.updated_at) == (b"\xff\x00", NOON, LATER)
    assert "value" not in one.summary.model_dump()


def test_a_group_and_a_scope_are_part_of_the_name(file: SecretFile) -> None:
    file.put(content(), NOON)
    file.put(content(group="team"), NOON)
    file.put(SecretContent(key="token", value=""), NOON)
    assert len(file.read()) == 3
    assert file.delete(SecretName(PLACE, "team", "token"))
    assert not file.delete(SecretName(PLACE, "team", "token"))
    assert set(file.read()) == {SecretName(PLACE, None, "token"), SecretName(SecretScope(), None, "token")}


def test_only_its_owner_can_read_it_and_nothing_stands_in_it(tmp_path: Path, file: SecretFile) -> None:
    file.put(content(group="my-group"), NOON)
    folder = tmp_path / "secrets"
    assert folder.stat().st_mode & 0o077 == 0
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        assert not any(word in path.read_bytes() for word in (b"hunter2", b"my-group", b"token"))


def test_without_any_secret_nothing_is_made(tmp_path: Path, file: SecretFile) -> None:
    assert file.read() == {}
    assert not (tmp_path / "secrets").exists()


def test_writers_side_by_side_lose_nothing(tmp_path: Path) -> None:
    def write(number: int) -> None:
        SecretFile(tmp_path / "secrets").put(content(f"key{number}"), NOON)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(20)))
    assert len(SecretFile(tmp_path / "secrets").read()) == 20


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (lambda folder: (folder / KEY).unlink(), "the key .* is missing: put it back"),
        (lambda folder: (folder / KEY).write_bytes(bytes(32)), "cannot be opened with the key"),
        (lambda folder: (folder / KEY).chmod(0o644), "others may read the key of the secrets: chmod 600"),
        (
            lambda folder: (folder / BOX).write_bytes(b"flyte-secrets 2\nx"),
            "is not in the format of this version",
        ),
        (lambda folder: (folder / BOX).write_bytes((folder / BOX).read_bytes()[:-1]), "cannot be opened"),
    ],
    ids=["no key", "another key", "open key", "newer", "cut off"],
)
def test_what_cannot_be_used_is_left_as_it_is_and_says_why(
    broken: object, sentence: str, tmp_path: Path, file: SecretFile
) -> None:
    file.put(content(), NOON)
    assert callable(broken)
    broken(tmp_path / "secrets")
    before = (tmp_path / "secrets" / BOX).read_bytes()
    for use in (file.read, lambda: file.put(content("other"), NOON)):
        with pytest.raises(SecretFileUnusable, match=sentence) as caught:
            use()
        assert "hunter2" not in str(caught.value)
    assert (tmp_path / "secrets" / BOX).read_bytes() == before
