"""Who is let in: a session, the places that it may look at, and the secrets that stand for it."""

import hashlib
import secrets
from datetime import datetime
from typing import Literal

from flyte_schemas.sessions import ANY
from flyte_schemas.words import Name, Word

SECRET_BYTES = 32
PATH_BYTES = 16


class SeenPlace(Word):
    """A project and a domain of it; `ANY` for all of them."""

    project: Name
    domain: Name

    def covers(self, project: str, domain: str) -> bool:
        """Whether this place is one of them."""
        return self.project in (ANY, project) and self.domain in (ANY, domain)


class Session(Word):
    """What a secret is good for.

    A `code` opens a `browser`'s session, once; a `program` sends its secret with each request. `seen_at` is
    when somebody last used it, to within a few minutes. `path_hash`: of the part of the address under which
    the browser's cookie is sent, where the address itself is no proof (without TLS, ports share cookies).
    `keys`: public keys of NATS by which who asked for it was let in; when one of them counts no more, neither
    does the session. `until`: when those credentials end, and with them the latest session.
    """

    kind: Literal["code", "browser", "program"]
    user: str
    places: tuple[SeenPlace, ...]
    ends_at: datetime
    seen_at: datetime
    path_hash: str = ""
    keys: tuple[str, ...] = ()
    until: datetime | None = None

    def covers(self, project: str, domain: str) -> bool:
        """Whether who has it may look at this place."""
        return any(place.covers(project, domain) for place in self.places)


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_path() -> str:
    """128 random bits, to stand in an address."""
    return secrets.token_urlsafe(PATH_BYTES)


def hash_of(secret: str) -> str:
    """By what a secret is kept: who reads it can do nothing with it."""
    return hashlib.sha256(secret.encode()).hexdigest()
