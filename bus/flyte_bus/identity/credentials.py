"""Credentials of one user: a token that says what they may, and the seed that proves whose it is.

`text` is a NATS credentials file. The token's name is the user's, its tags are what the templates of the
roles (`flyte_schemas.access`) are filled in with, and its expiry is the server's to keep.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from flyte_bus.identity.keys import KeyPair
from flyte_bus.identity.tokens import claims_of

JWT_BEGIN, JWT_END = "-----BEGIN NATS USER JWT-----", "------END NATS USER JWT------"
SEED_BEGIN, SEED_END = "-----BEGIN USER NKEY SEED-----", "------END USER NKEY SEED------"

ROLE_TAG, PLACE_TAG = "role", "place"


class NotCredentials(ValueError):
    """The text holds no credentials of a NATS user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a user of the server is: `name`, `role`, and where the role holds.

    `places` are `project.domain`, with `*` for any; `tags` all that the role is filled in with, places too.
    `user` is the token of the name in subjects, `inbox` where answers come to.
    """

    name: str
    role: str
    public: str
    issuer: str = ""
    """The public key that has signed it: its role's, as a rule."""
    account: str = ""
    places: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    issued_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def user(self) -> str:
        return next(iter(self.tags.get("user", ())), "")

    @property
    def run(self) -> str:
        """The one run that this is for; empty for any."""
        return next(iter(self.tags.get("run", ())), "")

    @property
    def inbox(self) -> str:
        return f"_INBOX.{self.public}"


@dataclass(frozen=True)
class Credentials:
    """`jwt` is for the server to read, `seed` is the secret."""

    jwt: str
    seed: str = field(repr=False)

    @property
    def text(self) -> str:
        """A NATS credentials file."""
        return f"{JWT_BEGIN}\n{self.jwt}\n{JWT_END}\n\n{SEED_BEGIN}\n{self.seed}\n{SEED_END}\n"

    @classmethod
    def read(cls, text: str) -> "Credentials":
        """The credentials in a file's text. Raises NotCredentials; no secret is in its message."""
        jwt, seed = _between(text, "NATS USER JWT"), _between(text, "USER NKEY SEED")
        if jwt is None or seed is None:
            raise NotCredentials("there are no credentials of a NATS user in it (a JWT and a seed)")
        return cls(jwt, seed)

    @cached_property
    def identity(self) -> Identity:
        """Who they are of. Raises NotAToken for a JWT that is none."""
        return identity_of(self.jwt)

    def sign(self, nonce: bytes) -> bytes:
        """The proof that the server asks for. Raises NotAKey for a seed that is none."""
        return KeyPair.from_seed(self.seed).sign(nonce)


def identity_of(jwt: str) -> Identity:
    """Who a user's token is of. Raises NotAToken."""
    claims = claims_of(jwt)
    tags: dict[str, list[str]] = {}
    for tag in _texts(claims["nats"].get("tags")):
        key, _, value = tag.partition(":")
        tags.setdefault(key, []).append(value)
    return Identity(
        name=str(claims.get("name", "")),
        role=next(iter(tags.get(ROLE_TAG, ())), ""),
        public=str(claims.get("sub", "")),
        issuer=str(claims.get("iss", "")),
        account=str(claims["nats"].get("issuer_account", "")),
        places=tuple(tags.get(PLACE_TAG, ())),
        tags={key: tuple(values) for key, values in tags.items()},
        issued_at=_time(claims.get("iat")),
        expires_at=_time(claims.get("exp")),
    )


def _between(text: str, what: str) -> str | None:
    found = re.search(rf"-+BEGIN {what}-+\s+(\S+)\s+-+END {what}-+", text)
    return found and found[1]


def _texts(value: object) -> Sequence[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _time(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) and seconds else None
