"""Secrets: where they belong, and the questions by which they are kept, listed, deleted and handed out.

No word here has a value that can be read: values are sealed to the key of whoever is to open them
(`flyte_bus.secrets.sealing`). What is sealed says itself where it belongs, so it cannot be put elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import NonNegativeInt, PositiveInt, StringConstraints

from flyte_schemas.endpoints import PLACE, Endpoint
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.policies import SecretReference
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey
from flyte_schemas.words import Name, Word

SecretType = Literal["regular", "image_pull"]
ScopeKind = Literal["global", "domain", "project"]
SecretWord = Annotated[str, StringConstraints(pattern=r"^[^\s/\x00-\x1f\x7f]{1,253}$")]
"""A key or a group: no white space, no slash."""

MAX_VALUE_BYTES = 64 * 1024
"""The largest value of one secret."""
MAX_GIVEN_BYTES = 512 * 1024
"""The most that one attempt is given: it has to fit into an answer."""
SHORTEST_HIDDEN = 4
"""Shorter values are not hidden in what a task prints: they would be everywhere."""


@dataclass(frozen=True, slots=True)
class SecretScope:
    """Whose a secret is: everybody's, those of one domain, or those of one project and domain."""

    project: str | None = None
    domain: str | None = None

    @property
    def kind(self) -> ScopeKind:
        if self.domain is None:
            return "global"
        return "domain" if self.project is None else "project"

    def __str__(self) -> str:
        match self.kind:
            case "global":
                return "global"
            case "domain":
                return f"domain {self.domain}"
            case _:
                return f"{self.project}/{self.domain}"


def scopes_of(project: str, domain: str) -> tuple[SecretScope, ...]:
    """The scopes that a run sees, the narrowest first: the first that has a key counts."""
    return SecretScope(project, domain), SecretScope(None, domain), SecretScope()


def shown_name(group: str | None, key: str) -> str:
    """How people call a secret."""
    return f"{group}/{key}" if group else key


def missing_secret(reference: SecretReference, scopes: Sequence[SecretScope], also: str = "") -> Failure:
    """A task wants a secret that is in none of these scopes, the narrowest first, nor where `also` says."""
    of_group = f" of group {reference.group!r}" if reference.group else ""
    option = f" --group {reference.group}" if reference.group else ""
    narrowest = scopes[0]
    place = {
        "project": f" -p {narrowest.project} -d {narrowest.domain}",
        "domain": f" --scope domain -d {narrowest.domain}",
        "global": " --scope global",
    }[narrowest.kind]
    looked_in = ", ".join((*([also] if also else ()), *map(str, scopes)))
    return Failure(
        code="SecretMissing",
        kind=FailureKind.USER,
        message=f"there is no secret {reference.key!r}{of_group}: looked in {looked_in}",
        hint=f"create it with `flyte create secret {reference.key}{option}{place}`, and run again",
        recoverable=False,
    )


def variable_of(group: str | None, key: str) -> str:
    """The variable that a secret is where nothing else is said: GROUP_KEY, in upper case."""
    return re.sub(r"[^A-Za-z0-9_]", "_", "_".join(part for part in (group, key) if part)).upper()


class SecretSummary(Word):
    """All that anybody is told of a secret."""

    key: SecretWord
    group: SecretWord | None = None
    project: Name | None = None
    domain: Name | None = None
    type: SecretType = "regular"
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def scope(self) -> SecretScope:
        return SecretScope(self.project, self.domain)


class SecretContent(Word):
    """What is sealed when a secret is kept: its value (base64), and where alone that belongs."""

    key: SecretWord
    group: SecretWord | None = None
    project: Name | None = None
    domain: Name | None = None
    type: SecretType = "regular"
    value: str

    @property
    def scope(self) -> SecretScope:
        return SecretScope(self.project, self.domain)


class GetSecretsKey(Word):
    """To which key are values sealed?"""


class SecretsKey(Word):
    """The executor's public key (base64); it is another after a restart. `store` is where values are kept."""

    public: str
    store: str


class PutGlobalSecret(Word):
    """Keep this value, sealed to the key `sealed_to`; one that is there is replaced."""

    sealed: str
    sealed_to: str


class PutDomainSecret(PutGlobalSecret):
    """Keep a value for one domain."""

    domain: Name


class PutSecret(PutDomainSecret):
    """Keep a value for one project and domain."""

    project: Name


class SecretPut(Word):
    """Whether it is kept; else it was sealed to a key that is not (or no more) this executor's: ask again."""

    is_kept: bool
    was_there: bool = False


class DeleteGlobalSecret(Word):
    """Remove a secret; attempts that have it keep it."""

    key: SecretWord
    group: SecretWord | None = None


class DeleteDomainSecret(DeleteGlobalSecret):
    """Remove one of a domain."""

    domain: Name


class DeleteSecret(DeleteDomainSecret):
    """Remove one of a project and domain."""

    project: Name


class SecretDeleted(Word):
    """Whether it was there."""

    was_there: bool


class ListSecrets(Word):
    """Which secrets does a run of this project and domain see?"""

    project: Name
    domain: Name


class SecretList(Word):
    """By name, the narrowest scope first; `store` is where values are kept."""

    secrets: tuple[SecretSummary, ...]
    store: str


class GiveSecrets(Word):
    """An agent that has claimed an attempt: what does its task see? Seal it to the key `seal_to`.

    Which secrets these are stands in the task's template in the log, and not here.
    """

    project: Name
    domain: Name
    run: Name
    action: Name
    attempt: PositiveInt
    fence: NonNegativeInt
    worker: str
    seal_to: str

    @property
    def attempt_key(self) -> AttemptKey:
        return AttemptKey(ActionKey(RunKey(self.project, self.domain, self.run), self.action), self.attempt)


class SecretsGiven(Word):
    """`GivenValues`, sealed."""

    sealed: str


class GivenValue(Word):
    """One secret of a task, and its value (base64)."""

    reference: SecretReference
    value: str


class GivenValues(Word):
    """What an attempt sees."""

    values: tuple[GivenValue, ...]


_ASKED = "flyte.svc.executor"
SECRETS_KEY = Endpoint(f"{_ASKED}.secrets-key", GetSecretsKey, SecretsKey)
PUT_SECRET = Endpoint(f"{_ASKED}.put-secret", PutSecret, SecretPut, PLACE)
PUT_DOMAIN_SECRET = Endpoint(f"{_ASKED}.put-domain-secret", PutDomainSecret, SecretPut, ("domain",))
PUT_GLOBAL_SECRET = Endpoint(f"{_ASKED}.put-global-secret", PutGlobalSecret, SecretPut)
DELETE_SECRET = Endpoint(f"{_ASKED}.delete-secret", DeleteSecret, SecretDeleted, PLACE)
DELETE_DOMAIN_SECRET = Endpoint(
    f"{_ASKED}.delete-domain-secret", DeleteDomainSecret, SecretDeleted, ("domain",)
)
DELETE_GLOBAL_SECRET = Endpoint(f"{_ASKED}.delete-global-secret", DeleteGlobalSecret, SecretDeleted)
LIST_SECRETS = Endpoint(f"{_ASKED}.list-secrets", ListSecrets, SecretList, PLACE)
GIVE_SECRETS = Endpoint(f"{_ASKED}.give-secrets", GiveSecrets, SecretsGiven, (*PLACE, "run"))
"""Only for agents: its subject names the run, so an agent's credentials allow its own and no other."""
