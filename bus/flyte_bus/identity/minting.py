"""Makes users of one role: for people, for services, and for each attempt."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flyte_bus.identity.credentials import PLACE_TAG, ROLE_TAG, Credentials
from flyte_bus.identity.keys import KeyPair
from flyte_bus.identity.tokens import signed
from flyte_schemas.access import ROLES
from flyte_schemas.names import is_name
from flyte_schemas.sessions import ANY as EVERY
from flyte_schemas.users import user_token

ANY = "*"
"""In place of a project or a domain: all of them."""


class CannotMint(ValueError):
    """These credentials cannot be: the message says what is wrong with what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minter:
    """Makes users of `role` in the account with this public key; `signing_seed` is the role's secret."""

    account_public: str
    signing_seed: str = field(repr=False)
    role: str

    def user_seed(self, name: str) -> str:
        """The seed of the user that is known by this name, the same each time: it follows from the secret."""
        raw = hmac.new(self.signing_seed.encode(), f"user\0{name}".encode(), hashlib.sha256).digest()
        return KeyPair("user", raw).seed

    @property
    def text(self) -> str:
        """All of it, for a file or a Secret: whoever has it can make users of this role."""
        known = {"account": self.account_public, "role": self.role, "signing_seed": self.signing_seed}
        return json.dumps(known)

    @classmethod
    def read(cls, text: str) -> "Minter":
        """The minter of such a text. Raises CannotMint; no secret is in its message."""
        try:
            known = json.loads(text)
            account, seed, role = (str(known[key]) for key in ("account", "signing_seed", "role"))
            KeyPair.from_seed(seed)
        except (ValueError, KeyError, TypeError):
            raise CannotMint(
                "this is no signing key of a role as `flyte admin init` writes them (minters/*.json)"
            ) from None
        if role not in ROLES:
            raise CannotMint(f"there is no role {role!r}: {', '.join(ROLES)}")
        return cls(account_public=account, signing_seed=seed, role=role)

    def mint(
        self,
        name: str,
        *,
        project: str = "",
        domain: str = "",
        places: Iterable[tuple[str, str]] = (),
        run: str = "",
        source: str = "",
        pool: str = "",
        worker: str = "",
        ttl_s: float | None = None,
        seed: str = "",
    ) -> Credentials:
        """Credentials of a new user `name`; with `seed`, of the one whose it is, for longer.

        `project` and `domain`, or several `places`, say where the role holds (`*`: in all); `run`, `source`
        (the run that this one recovers), `pool` and `worker` what agents are for. They end after `ttl_s`
        seconds, None: never.

        Raises CannotMint for a name that no subject can have, and for what the role needs and was not given.
        """
        given = [*places, *([(project, domain)] if project or domain else [])]
        tags: dict[str, tuple[str, ...]] = {
            PLACE_TAG: tuple(f"{_token('project', one)}.{_token('domain', two)}" for one, two in given),
            "user": (_user(name),),
        }
        only = {"run": run, "source": source, "pool": pool, "worker": worker}
        tags |= {key: (_token(key, value),) for key, value in only.items() if value}
        missing = sorted(key for key in ROLES[self.role].needs - {"source", "worker"} if not tags.get(key))
        if missing:
            raise CannotMint(f"credentials of the role {self.role} need a {' and a '.join(missing)}")
        if ttl_s is not None and ttl_s <= 0:
            raise CannotMint(f"credentials cannot end after {ttl_s:g} seconds: give more than none")
        return self._signed(name, tags, ttl_s, KeyPair.from_seed(seed) if seed else KeyPair.create("user"))

    def _signed(
        self, name: str, tags: Mapping[str, tuple[str, ...]], ttl_s: float | None, user: KeyPair
    ) -> Credentials:
        now = time.time()
        claims = {
            "iat": int(now),
            "sub": user.public,
            "name": name,
            "nats": {
                "type": "user",
                "version": 2,
                "issuer_account": self.account_public,
                "tags": [
                    f"{ROLE_TAG}:{self.role}",
                    *(f"{key}:{value}" for key, values in tags.items() for value in values),
                ],
            },
        }
        if ttl_s is not None:
            claims["exp"] = int(now + max(1.0, ttl_s))
        return Credentials(signed(claims, KeyPair.from_seed(self.signing_seed)), user.seed)


def _user(name: str) -> str:
    try:
        return user_token(name)
    except ValueError as error:
        raise CannotMint(str(error)) from error


def _token(what: str, value: str) -> str:
    """A value that stands as one token of a subject, or the wildcard of a project or a domain.

    A value with `{{` in it would be filled in by the server as a template is, and `~` is what a question for
    the console's session calls all projects or domains.
    """
    if value == ANY and what in ("project", "domain"):
        return value
    if not is_name(value) or "{{" in value or value == EVERY:
        raise CannotMint(
            f"the {what} is {value!r}: permissions cannot be given for a name that is empty, is longer than "
            "128 characters, is ~, or has a dot, a wildcard, white space or {{ in it"
        )
    return value
