"""The names of objects: what is one, and all that is none."""

import hashlib
import string
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_dataproxy.core.keys import ArtifactKey, InvalidKey

MD5 = hashlib.md5(b"content").hexdigest()
PLACES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=128)
KEYS = st.builds(
    ArtifactKey,
    project=PLACES,
    domain=PLACES,
    md5=st.binary().map(lambda content: hashlib.md5(content).hexdigest()),
)


def test_a_key_has_a_path_and_a_uri() -> None:
    key = ArtifactKey(project="robots", domain="development", md5=MD5)
    assert key.path == f"robots/development/{MD5[:2]}/{MD5}"
    assert key.uri == f"flyte://artifacts/robots/development/{MD5}"


@given(KEYS)
def test_a_key_is_read_back_from_its_path_and_its_uri(key: ArtifactKey) -> None:
    assert ArtifactKey.from_path(key.path) == key
    assert ArtifactKey.from_uri(key.uri) == key


@given(KEYS)
def test_a_path_has_four_plain_parts(key: ArtifactKey) -> None:
    parts = PurePosixPath("/root", key.path).relative_to("/root").parts
    assert len(parts) == 4
    assert not any(part.startswith(".") for part in parts)


@given(st.text())
def test_whatever_is_read_as_a_path_is_exactly_that_path(path: str) -> None:
    try:
        key = ArtifactKey.from_path(path)
    except InvalidKey:
        return
    assert key.path == path


@pytest.mark.parametrize(
    "uri",
    [
        "",
        f"flyte://artifacts/robots/{MD5}",
        f"flyte://artifacts/../development/{MD5}",
        f"flyte://artifacts/robots/../{MD5}",
        f"flyte://artifacts/robots/development/../{MD5}",
        f"flyte://artifacts/robots/%2e%2e/{MD5}",
        f"flyte://artifacts/robots/a%2Fb/{MD5}",
        f"flyte://artifacts/robots\\x/development/{MD5}",
        f"flyte://artifacts/robots/development/{MD5}/",
        f"flyte://artifacts/robots/development/{MD5}\n",
        f"flyte://artifacts//development/{MD5}",
        f"flyte://artifacts/robots/development/{MD5.upper()}",
        f"flyte://artifacts/robots/development/{MD5}?size=1",
        f"flyte://artifacts/robots/development/{MD5[:-1]}",
        f"robots/development/{MD5}",
        f"s3://bucket/robots/development/{MD5}",
        f"flyte://artifacts/.incoming/development/{MD5}",
        f"flyte://artifacts/r\u00f4bots/development/{MD5}",
        f"flyte://artifacts/{'r' * 129}/development/{MD5}",
    ],
)
def test_what_is_not_quite_a_uri_is_refused(uri: str) -> None:
    with pytest.raises(InvalidKey):
        ArtifactKey.from_uri(uri)


@pytest.mark.parametrize(
    "path",
    [
        f"robots/development/{MD5}",
        f"robots/development/zz/{MD5}",
        f"/robots/development/{MD5[:2]}/{MD5}",
        f"robots/development/{MD5[:2]}/../{MD5}",
        f"../development/{MD5[:2]}/{MD5}",
    ],
)
def test_what_is_not_quite_a_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidKey):
        ArtifactKey.from_path(path)
