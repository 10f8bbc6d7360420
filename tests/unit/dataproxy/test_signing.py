"""Signatures: the URL that was given works until it expires, and no other URL works at all."""

import hashlib
import string
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.core.signing import Grant, SignedGrant, Verdict, from_request, sign, to_query, verify

SECRET = b"s" * 32
NOW = 1_700_000_000
PLACES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=20)
KEYS = st.builds(
    ArtifactKey,
    project=PLACES,
    domain=PLACES,
    md5=st.binary().map(lambda content: hashlib.md5(content).hexdigest()),
)
GRANTS = st.builds(
    Grant,
    method=st.sampled_from(["GET", "PUT"]),
    key=KEYS,
    size_bytes=st.integers(0, 10**18),
    expires_at=st.integers(NOW + 1, 10**18),
)


def travel(signed: SignedGrant) -> SignedGrant | None:
    """The grant as the server reads it from the request that the URL leads to."""
    return from_request(signed.grant.method, signed.grant.key.path, to_query(signed))


@given(GRANTS)
def test_a_signed_url_is_valid_as_it_was_given(grant: Grant) -> None:
    arrived = travel(sign(SECRET, grant))
    assert arrived is not None
    assert arrived.grant == grant
    assert verify(SECRET, arrived, NOW) is Verdict.VALID


@given(GRANTS, GRANTS)
def test_a_signature_is_good_for_its_own_grant_only(grant: Grant, other: Grant) -> None:
    assume(grant != other)
    forged = SignedGrant(other, sign(SECRET, grant).signature)
    assert verify(SECRET, forged, NOW) is Verdict.FORGED


@given(GRANTS, GRANTS, st.sampled_from(["method", "key", "size_bytes", "expires_at"]))
def test_changing_one_field_breaks_the_signature(grant: Grant, other: Grant, field: str) -> None:
    changed = replace(grant, **{field: getattr(other, field)})
    assume(changed != grant)
    assert verify(SECRET, SignedGrant(changed, sign(SECRET, grant).signature), NOW) is Verdict.FORGED


@given(GRANTS, st.binary(min_size=1).filter(lambda secret: secret != SECRET))
def test_another_secret_signs_nothing_for_us(grant: Grant, secret: bytes) -> None:
    assume(secret.rstrip(b"\0") != SECRET)  # HMAC pads short secrets with zeros
    assert verify(SECRET, sign(secret, grant), NOW) is Verdict.FORGED


@given(GRANTS)
def test_a_url_ends_at_its_expiry_and_not_a_moment_before(grant: Grant) -> None:
    grant = replace(grant, expires_at=NOW + 60)
    assert verify(SECRET, sign(SECRET, grant), NOW + 59.999) is Verdict.VALID
    assert verify(SECRET, sign(SECRET, grant), NOW + 60) is Verdict.EXPIRED


@given(GRANTS)
def test_an_expired_url_that_was_prolonged_is_a_forgery(grant: Grant) -> None:
    signed = sign(SECRET, replace(grant, expires_at=NOW - 1))
    prolonged = SignedGrant(replace(signed.grant, expires_at=NOW + 100), signed.signature)
    assert verify(SECRET, prolonged, NOW) is Verdict.FORGED


GRANT = Grant(
    method="PUT",
    key=ArtifactKey(project="robots", domain="development", md5=hashlib.md5(b"").hexdigest()),
    size_bytes=10,
    expires_at=NOW + 60,
)
QUERY = to_query(sign(SECRET, GRANT))


@pytest.mark.parametrize(
    "query",
    [
        "",
        QUERY.replace("size=10", "size=010"),
        QUERY.replace("size=10", "size=%2B10"),
        QUERY.replace("size=10", "size=-10"),
        QUERY.replace("size=10", "size=1_0"),
        QUERY.replace("size=10", "size=\u0661\u0660"),
        QUERY.replace("size=10", "size="),
        QUERY.replace("size=10&", ""),
        QUERY + "&size=10",
        QUERY + "&method=GET",
        QUERY[:-1],
        QUERY + "0",
        QUERY.upper(),
    ],
)
def test_a_query_that_is_not_exactly_ours_claims_nothing(query: str) -> None:
    assert from_request("PUT", GRANT.key.path, QUERY) is not None
    assert from_request("PUT", GRANT.key.path, query) is None


URL = f"{GRANT.key.path}?{QUERY}"


@given(st.integers(0, len(URL) - 1), st.characters(codec="utf-8"), st.sampled_from(["instead", "before"]))
def test_a_url_with_one_other_character_is_good_for_nothing(place: int, other: str, how: str) -> None:
    changed = URL[:place] + other + URL[place + (how == "instead") :]
    assume(changed != URL)
    path, _, query = changed.partition("?")
    claimed = from_request("PUT", path, query)
    assert claimed is None or verify(SECRET, claimed, NOW) is Verdict.FORGED


@given(st.text(), st.text(), st.text())
def test_no_request_whatever_breaks_the_reader(method: str, path: str, query: str) -> None:
    claimed = from_request(method, path, query)
    assert claimed is None or verify(SECRET, claimed, NOW) is Verdict.FORGED


@pytest.mark.parametrize("method", ["POST", "DELETE", "HEAD", "put", ""])
def test_no_other_method_can_be_granted(method: str) -> None:
    assert from_request(method, GRANT.key.path, QUERY) is None


def test_a_signed_url_is_stable_across_releases() -> None:
    assert sign(SECRET, GRANT).signature == "bf3d67b565d2a97e0a16246d385601de869808a62b26402ee3f8e3694965d150"
