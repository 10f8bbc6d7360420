"""The matrix of roles, keys and credentials: without a server."""

import stat
from pathlib import Path

import pytest

from flyte_bus.identity.credentials import Credentials, NotCredentials
from flyte_bus.identity.keyring import Keyring, KeyringError
from flyte_bus.identity.keys import KeyPair, NotAKey
from flyte_bus.identity.minting import CannotMint, Minter
from flyte_bus.identity.tokens import NotAToken, claims_of, is_genuine, signed
from flyte_bus.revocations import Revoked
from flyte_registry.seal_key import seal_key
from flyte_schemas.access import CORE, EDGE, ROLES, SHARED
from flyte_schemas.reading import lies_within


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    made = Keyring(tmp_path_factory.mktemp("keys") / "access")
    made.make()
    return made


def test_edge_is_given_only_what_a_role_there_uses() -> None:
    words = [pattern for role in ROLES.values() if role.account == EDGE for pattern in role.publish]
    for shared in SHARED:
        if shared.to == EDGE and not shared.is_stream:
            seen = (shared.seen_as or shared.subject).replace("$1", "*")
            assert any(lies_within(word, seen) for word in words), shared.subject
    assert {shared.of for shared in SHARED} == {CORE, EDGE}


def test_all_that_has_keys_is_its_owners_alone(keyring: Keyring) -> None:
    for path in (keyring.folder, *keyring.folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_it_is_known_which_keys_count_no_more(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path / "access")
    keyring.make()
    assert keyring.revoked() == []
    ann, brief = (keyring.create_user("ann", "viewer", [("p", "d")], ttl_s=ttl_s) for ttl_s in (None, 600.0))
    keyring.create_user("bob", "viewer", [("p", "d")])
    assert keyring.revoke_user("ann") == 2 and keyring.revoke_user("ann") == 0
    key = ann.identity.issuer
    keyring.rotate("viewer")
    assert len(keyring.revoked()) == 2, "a previous key counts until it is ended"
    assert keyring.end_previous("viewer") and not keyring.end_previous("viewer")
    assert keyring.revoked() == [
        Revoked(ann.identity.public),
        Revoked(brief.identity.public, brief.identity.expires_at),
        Revoked(key),
    ]


def test_keys_are_made_once(keyring: Keyring) -> None:
    before = keyring.accounts().partition("resolver:")[0]
    with pytest.raises(KeyringError, match="already"):
        keyring.make()
    keyring.complete()
    assert keyring.accounts().partition("resolver:")[0] == before


def test_registries_seal_with_a_key_that_is_none_of_the_servers(keyring: Keyring) -> None:
    of_the_server = {path.read_text().strip() for path in (keyring.folder / "keys").rglob("*.nk")}
    made = seal_key(keyring.seal_key_file)
    assert made.seed not in of_the_server
    assert keyring.seal_key == made.public
    assert (keyring.folder / "seal.key.pub").read_text().strip() == made.public
    keyring.complete()
    assert keyring.seal_key == made.public


def test_no_service_is_given_a_key_of_the_roots(keyring: Keyring) -> None:
    secrets = {path.read_text().strip() for path in (keyring.folder / "keys").glob("*.nk")}
    given = [
        path.read_text()
        for folder in ("credentials", "minters")
        for path in (keyring.folder / folder).iterdir()
    ]
    assert len(secrets) == 4 and not [text for text in given for secret in secrets if secret in text]


def test_credentials_say_who_they_are_of(keyring: Keyring) -> None:
    made = keyring.minter("agent").mint(
        "agent", project="Shöp", domain="Prod", run="R.1".replace(".", "-"), ttl_s=60
    )
    read = Credentials.read(made.text)
    identity = read.identity
    assert read == made and is_genuine(made.jwt)
    assert (identity.role, identity.places, identity.run, identity.user) == (
        "agent",
        ("Shöp.Prod",),
        "R-1",
        "agent",
    )
    assert identity.inbox == f"_INBOX.{identity.public}" and identity.account == keyring.account(EDGE)
    assert identity.issued_at and identity.expires_at
    assert (identity.expires_at - identity.issued_at).total_seconds() == 60
    assert made.seed not in repr(made)


def test_later_credentials_are_of_the_same_user(keyring: Keyring) -> None:
    minter = keyring.minter("viewer")
    first = minter.mint("ada", project="p", domain="d", ttl_s=1)
    later = minter.mint("ada", project="p", domain="d", ttl_s=60, seed=first.seed)
    assert later.identity.public == first.identity.public and later.seed == first.seed


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"project": "a.b", "domain": "d"}, "the project is 'a.b'"),
        ({"project": "p", "domain": ">"}, "the domain is '>'"),
        ({"project": "p", "domain": "{{name()}}"}, "the domain is"),
        ({"project": "p", "domain": ""}, "the domain is ''"),
        ({}, "need a place"),
        ({"project": "p", "domain": "d", "ttl_s": 0}, "0 seconds"),
        ({"project": "p", "domain": "d", "run": "*"}, r"the run is '\*'"),
    ],
)
def test_what_cannot_be_a_permission_is_refused(keyring: Keyring, asked: dict[str, str], said: str) -> None:
    with pytest.raises(CannotMint, match=said):
        keyring.minter("viewer").mint("ada", **asked)  # type: ignore[arg-type]


def test_an_agent_is_for_a_run(keyring: Keyring) -> None:
    with pytest.raises(CannotMint, match="need a run"):
        keyring.minter("agent").mint("agent", project="p", domain="d")


def test_a_minter_is_its_text(keyring: Keyring) -> None:
    minter = Minter.read(keyring.minter_file("agent").read_text())
    assert minter == keyring.minter("agent") and minter.signing_seed not in repr(minter)
    for text in ("", "[]", "{}", '{"account": "A", "role": "agent", "signing_seed": "SA"}'):
        with pytest.raises(CannotMint, match="no signing key"):
            Minter.read(text)
    with pytest.raises(CannotMint, match="no role 'king'"):
        Minter.read(minter.text.replace('"agent"', '"king"'))


def test_a_key_pair_is_its_seed() -> None:
    for kind, letter in (("operator", "O"), ("account", "A"), ("user", "U")):
        pair = KeyPair.create(kind)  # type: ignore[arg-type]
        assert KeyPair.from_seed(pair.seed) == pair and pair.public.startswith(letter)
        assert pair.seed.startswith(f"S{letter}") and len(pair.public) == 56
        for wrong in ("", "x", pair.seed[:-1], pair.seed[:-1] + "A", pair.public, "ä"):
            if wrong != pair.seed:
                with pytest.raises(NotAKey):
                    KeyPair.from_seed(wrong)


def test_a_token_that_was_changed_is_not_genuine() -> None:
    pair = KeyPair.create("account")
    token = signed({"sub": "x", "nats": {}}, pair)
    assert is_genuine(token) and claims_of(token)["sub"] == "x"
    head, body, signature = token.split(".")
    assert not is_genuine(f"{head}.{body}.{'A' * len(signature)}")
    for text in ("", "a.b", "a.b.c", f"{head}..{signature}", f"{body}.{body}.{signature}"):
        with pytest.raises(NotAToken):
            claims_of(text)


@pytest.mark.parametrize("text", ["", "-----BEGIN NATS USER JWT-----\nx", "nothing of the kind"])
def test_text_without_credentials_is_told_so(text: str) -> None:
    with pytest.raises(NotCredentials, match="no credentials"):
        Credentials.read(text)
