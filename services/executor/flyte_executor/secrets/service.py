"""What the executor answers about secrets. Values come and go sealed, and no log and no message has them.

Which secrets an attempt sees stands in its task's template in the log, and only who has claimed it is given
them: an agent says who it is, and nothing of what it wants.
"""

import base64

import structlog
from pydantic import ValidationError

from flyte_bus.errors import Refusal
from flyte_bus.history import read_action
from flyte_bus.ports import Bus, Server
from flyte_bus.secrets.sealing import CannotOpen, Opener, seal
from flyte_bus.templates import Templates
from flyte_executor.clock import Now, utc_now
from flyte_executor.secrets.port import SecretStore, StoreRefuses
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.policies import SecretReference
from flyte_schemas.secrets import (
    DELETE_DOMAIN_SECRET,
    DELETE_GLOBAL_SECRET,
    DELETE_SECRET,
    GIVE_SECRETS,
    LIST_SECRETS,
    MAX_GIVEN_BYTES,
    MAX_VALUE_BYTES,
    PUT_DOMAIN_SECRET,
    PUT_GLOBAL_SECRET,
    PUT_SECRET,
    SECRETS_KEY,
    DeleteGlobalSecret,
    GetSecretsKey,
    GivenValue,
    GivenValues,
    GiveSecrets,
    ListSecrets,
    PutGlobalSecret,
    SecretContent,
    SecretDeleted,
    SecretList,
    SecretPut,
    SecretScope,
    SecretsGiven,
    SecretsKey,
    missing_secret,
    scopes_of,
    shown_name,
)

log = structlog.get_logger()


class Secrets:
    """Answers by `store`. Its key lives as long as it does."""

    def __init__(self, bus: Bus, store: SecretStore, now: Now = utc_now) -> None:
        self._bus = bus
        self._store = store
        self._now = now
        self._opener = Opener()
        self._templates = Templates(bus.log)
        self._servers: list[Server] = []

    async def start(self) -> None:
        """Begin to answer."""
        serve, servers = self._bus.serve, self._servers
        servers.append(await serve(SECRETS_KEY, self._tell_key))
        servers.append(await serve(LIST_SECRETS, self._list))
        servers.append(await serve(GIVE_SECRETS, self._give))
        servers.append(await serve(PUT_GLOBAL_SECRET, self._put))
        servers.append(await serve(PUT_DOMAIN_SECRET, self._put))
        servers.append(await serve(PUT_SECRET, self._put))
        servers.append(await serve(DELETE_GLOBAL_SECRET, self._delete))
        servers.append(await serve(DELETE_DOMAIN_SECRET, self._delete))
        servers.append(await serve(DELETE_SECRET, self._delete))

    async def stop(self) -> None:
        """Take no more questions."""
        for server in self._servers:
            await server.stop()

    async def _tell_key(self, question: GetSecretsKey) -> SecretsKey:
        return SecretsKey(public=self._opener.public, store=self._store.name)

    async def _put(self, question: PutGlobalSecret) -> SecretPut:
        """Keep a secret of the scope that the question's subject names. Raises Refusal."""
        if question.sealed_to != self._opener.public:
            return SecretPut(is_kept=False)
        scope = _scope_of(question)
        try:
            content = SecretContent.model_validate_json(self._opener.open(question.sealed))
        except (CannotOpen, ValidationError):
            raise _refused("the sealed secret cannot be read: create it with the server's version") from None
        if content.scope != scope:
            raise _refused(f"the secret was sealed for {content.scope}, and cannot be kept for {scope}")
        try:
            size = len(base64.b64decode(content.value, validate=True))
        except ValueError:
            raise _refused("the sealed value is not in base64: create it with the server's version") from None
        if size > MAX_VALUE_BYTES:
            raise _refused(f"the value has {size} bytes; the most is {MAX_VALUE_BYTES}")
        try:
            was_there = await self._store.put(content, self._now())
        except StoreRefuses as error:
            raise _refused(str(error)) from error
        name = shown_name(content.group, content.key)
        log.info("executor.secret.kept", secret=name, scope=str(scope), was_there=was_there)
        return SecretPut(is_kept=True, was_there=was_there)

    async def _delete(self, question: DeleteGlobalSecret) -> SecretDeleted:
        """Remove a secret of the scope that the question's subject names. Raises Refusal."""
        scope = _scope_of(question)
        try:
            was_there = await self._store.delete(scope, question.group, question.key)
        except StoreRefuses as error:
            raise _refused(str(error)) from error
        if was_there:
            name = shown_name(question.group, question.key)
            log.info("executor.secret.deleted", secret=name, scope=str(scope))
        return SecretDeleted(was_there=was_there)

    async def _list(self, question: ListSecrets) -> SecretList:
        scopes = scopes_of(question.project, question.domain)
        try:
            found = await self._store.visible(scopes)
        except StoreRefuses as error:
            raise _refused(str(error)) from error
        found.sort(key=lambda one: (one.group or "", one.key, scopes.index(one.scope)))
        return SecretList(secrets=tuple(found), store=self._store.name)

    async def _give(self, question: GiveSecrets) -> SecretsGiven:
        """The values that an attempt's task declares, for its agent. Raises Refusal."""
        wanted = await self._declared(question)
        scopes, values = scopes_of(question.project, question.domain), list[GivenValue]()
        for reference in dict.fromkeys(wanted):
            try:
                value = await self._store.find(scopes, reference.group, reference.key)
            except StoreRefuses as error:
                raise _not_given(str(error)) from error
            if value is None:
                raise Refusal(missing_secret(reference, scopes))
            values.append(GivenValue(reference=reference, value=base64.b64encode(value).decode()))
        content = GivenValues(values=tuple(values)).model_dump_json().encode()
        if len(content) > MAX_GIVEN_BYTES:
            raise Refusal(_too_large(len(content)))
        try:
            return SecretsGiven(sealed=seal(content, question.seal_to))
        except ValueError as error:
            raise _not_given(str(error)) from error

    async def _declared(self, question: GiveSecrets) -> tuple[SecretReference, ...]:
        """The secrets in the template of an attempt that is its asker's. Raises Refusal."""
        key = question.attempt_key
        state, _ = await read_action(self._bus.log, key.action)
        is_askers = state.has_open(question.attempt) and state.fence == question.fence
        if not is_askers or state.worker != question.worker or state.requested is None:
            raise _not_given(f"attempt {key} is not {question.worker}'s")
        template = await self._templates.find(key.action.run, state.requested.task)
        if template is None:
            raise _not_given(f"the task of attempt {key} is not in the log")
        return template.overridden(state.requested.overrides).secrets


def _too_large(size: int) -> Failure:
    return Failure(
        code="SecretUnusable",
        kind=FailureKind.USER,
        message=f"the secrets of the task have {size} bytes together; the most is {MAX_GIVEN_BYTES}",
        hint="declare fewer, or keep what is large in the artifact store",
        recoverable=False,
    )


def _scope_of(question: PutGlobalSecret | DeleteGlobalSecret) -> SecretScope:
    """The scope that a question's subject names."""
    return SecretScope(getattr(question, "project", None), getattr(question, "domain", None))


def _refused(message: str) -> Refusal:
    return Refusal(Failure(code="SecretRefused", kind=FailureKind.USER, message=message))


def _not_given(message: str) -> Refusal:
    return Refusal(
        Failure(
            code="SecretsNotGiven",
            kind=FailureKind.SYSTEM,
            message=f"the secrets of the task were not given: {message}",
            hint="the platform tries again by itself; if it stays, look at the executor's log and its store",
        )
    )
