"""What an executor answers about secrets: sealed, scoped, and only to who has claimed the attempt."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flyte_bus.errors import Refusal
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.secrets.sealing import CannotOpen, Opener, seal
from flyte_executor.secrets.environment import EnvironmentStore
from flyte_executor.secrets.file import FileStore
from flyte_executor.secrets.port import StoreRefuses
from flyte_executor.secrets.service import Secrets
from flyte_schemas.events import TaskDeployed
from flyte_schemas.policies import SecretReference
from flyte_schemas.secrets import (
    DELETE_SECRET,
    GIVE_SECRETS,
    LIST_SECRETS,
    PUT_DOMAIN_SECRET,
    PUT_GLOBAL_SECRET,
    PUT_SECRET,
    SECRETS_KEY,
    DeleteSecret,
    GetSecretsKey,
    GivenValues,
    GiveSecrets,
    ListSecrets,
    PutDomainSecret,
    PutGlobalSecret,
    PutSecret,
    SecretContent,
    SecretScope,
    scopes_of,
)
from flyte_schemas.subjects import task_subject
from testkit.open_attempt import RUN, TASK, OpenAttempt
from testkit.tasks import NOON, event, template

PLACE = (RUN.project, RUN.domain)
KEY, GROUPED = SecretReference(key="token", as_env_var="TOKEN"), SecretReference(key="pem", group="team")


class Asking:
    """Somebody on a bus with an executor that keeps secrets, and an attempt whose task wants two."""

    def __init__(self, bus: MemoryBus, attempt: OpenAttempt) -> None:
        self.bus = bus
        self.attempt = attempt
        self.opener = Opener()

    async def put(self, key: str, value: str, scope: SecretScope, group: str | None = None) -> bool:
        public = (await self.bus.ask(SECRETS_KEY, GetSecretsKey())).public
        words = {"sealed": sealed(key, value, scope, public, group=group), "sealed_to": public}
        match scope.kind:
            case "project":
                question = PutSecret(project=str(scope.project), domain=str(scope.domain), **words)
                return (await self.bus.ask(PUT_SECRET, question)).was_there
            case "domain":
                wider = PutDomainSecret(domain=str(scope.domain), **words)
                return (await self.bus.ask(PUT_DOMAIN_SECRET, wider)).was_there
            case _:
                return (await self.bus.ask(PUT_GLOBAL_SECRET, PutGlobalSecret(**words))).was_there

    def question(self, **changes: Any) -> GiveSecrets:
        words = self.attempt.order.model_dump() | {"worker": self.attempt.reports().worker}
        return GiveSecrets(**(words | {"seal_to": self.opener.public} | changes))

    async def given(self, **changes: Any) -> dict[str, str]:
        answer = await self.bus.ask(GIVE_SECRETS, self.question(**changes))
        values = GivenValues.model_validate_json(self.opener.open(answer.sealed)).values
        return {one.reference.key: base64.b64decode(one.value).decode() for one in values}


def sealed(key: str, value: str, scope: SecretScope, public: str, group: str | None = None) -> str:
    encoded = base64.b64encode(value.encode()).decode()
    content = SecretContent(key=key, group=group, project=scope.project, domain=scope.domain, value=encoded)
    return seal(content.model_dump_json().encode(), public)


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        wanted = template(TASK.name, secrets=(KEY, GROUPED))
        deployed = TaskDeployed(version=TASK.version, digest=wanted.digest(), template=wanted)
        await bus.log.append(event(task_subject(*PLACE, TASK.name), deployed))
        attempt = OpenAttempt(bus)
        await attempt.open()
        secrets = Secrets(bus, FileStore(tmp_path / "secrets"), lambda: NOON)
        await secrets.start()
        yield Asking(bus, attempt)
        await secrets.stop()


async def test_the_narrowest_scope_that_has_a_secret_counts(asking: Asking) -> None:
    await asking.attempt.reports().claim()
    for scope in reversed(scopes_of(*PLACE)):
        await asking.put("token", f"of {scope}", scope)
        await asking.put("pem", "pem", scope, group="team")
        assert await asking.given() == {"token": f"of {scope}", "pem": "pem"}
    await asking.put("token", "another project's", SecretScope("other", RUN.domain))
    assert (await asking.given())["token"] == f"of {SecretScope(*PLACE)}"
    assert await asking.put("token", "new", SecretScope(*PLACE))
    assert (await asking.given())["token"] == "new"
    deleted = DeleteSecret(project=RUN.project, domain=RUN.domain, key="token")
    assert (await asking.bus.ask(DELETE_SECRET, deleted)).was_there
    assert (await asking.given())["token"] == f"of domain {RUN.domain}"


async def test_a_secret_that_is_nowhere_is_named_with_where_it_was_looked_for(asking: Asking) -> None:
    await asking.attempt.reports().claim()
    await asking.put("token", "here", SecretScope())
    await asking.put("pem", "not of this group", SecretScope())
    with pytest.raises(Refusal) as refused:
        await asking.given()
    failure = refused.value.failure
    assert (failure.code, failure.recoverable) == ("SecretMissing", False)
    assert failure.message == (
        "there is no secret 'pem' of group 'team': looked in project/domain, domain domain, global"
    )
    assert "`flyte create secret pem --group team -p project -d domain`" in failure.hint


@pytest.mark.parametrize(
    "changes", [{}, {"worker": "another/1"}, {"fence": 1}, {"attempt": 2}, {"action": "a1"}]
)
async def test_who_has_not_claimed_the_attempt_is_given_nothing(
    asking: Asking, changes: dict[str, Any]
) -> None:
    await asking.put("token", "here", SecretScope())
    await asking.put("pem", "here", SecretScope(), group="team")
    if changes:
        await asking.attempt.reports().claim()
    with pytest.raises(Refusal, match="is not") as refused:
        await asking.given(**changes)
    assert refused.value.failure.code == "SecretsNotGiven"


async def test_a_value_is_kept_only_where_it_was_sealed_for(asking: Asking) -> None:
    public = (await asking.bus.ask(SECRETS_KEY, GetSecretsKey())).public
    mine = sealed("token", "mine", SecretScope("mine", "d"), public)
    with pytest.raises(Refusal, match="was sealed for mine/d, and cannot be kept for theirs/d"):
        await asking.bus.ask(
            PUT_SECRET, PutSecret(project="theirs", domain="d", sealed=mine, sealed_to=public)
        )
    with pytest.raises(Refusal, match="cannot be kept for global"):
        await asking.bus.ask(PUT_GLOBAL_SECRET, PutGlobalSecret(sealed=mine, sealed_to=public))
    with pytest.raises(Refusal, match="the sealed secret cannot be read"):
        await asking.bus.ask(PUT_GLOBAL_SECRET, PutGlobalSecret(sealed=mine[:-8], sealed_to=public))
    another = Opener().public
    answer = await asking.bus.ask(PUT_GLOBAL_SECRET, PutGlobalSecret(sealed=mine, sealed_to=another))
    assert not answer.is_kept


async def test_a_list_says_what_a_run_sees_and_no_value(asking: Asking) -> None:
    await asking.put("token", "hunter2", SecretScope())
    await asking.put("token", "hunter2", SecretScope(*PLACE))
    await asking.put("token", "hunter2", SecretScope("other", RUN.domain))
    listed = await asking.bus.ask(LIST_SECRETS, ListSecrets(project=RUN.project, domain=RUN.domain))
    assert [one.scope.kind for one in listed.secrets] == ["project", "global"]
    assert "hunter2" not in listed.model_dump_json()
    assert base64.b64encode(b"hunter2").decode()[:8] not in listed.model_dump_json()


async def test_what_is_too_large_or_of_a_type_that_the_file_does_not_have_is_refused(asking: Asking) -> None:
    with pytest.raises(Refusal, match="the value has 65537 bytes; the most is 65536"):
        await asking.put("token", "x" * 65537, SecretScope())
    store = FileStore(Path("nowhere"))
    pull = SecretContent(key="k", value="", type="image_pull")
    with pytest.raises(StoreRefuses, match="docker login"):
        await store.put(pull, NOON)


async def test_secrets_of_the_environment_are_taken_out_of_it_and_cannot_be_changed() -> None:
    environment = {"FLYTE_SECRET_TEAM_API_KEY": "value", "FLYTE_HOME": "/home"}
    store = EnvironmentStore(environment)
    assert environment == {"FLYTE_HOME": "/home"}
    scopes = scopes_of("p", "d")
    assert await store.find(scopes, "team", "api-key") == b"value"
    assert await store.find(scopes, None, "team-api-key") == b"value"
    assert await store.find(scopes, None, "other") is None
    assert [one.key for one in await store.visible(scopes)] == ["TEAM_API_KEY"]
    with pytest.raises(StoreRefuses, match="set or unset FLYTE_SECRET_A_B there"):
        await store.put(SecretContent(key="b", group="a", value=""), NOON)
    with pytest.raises(StoreRefuses, match="FLYTE_SECRET_B"):
        await store.delete(SecretScope(), None, "b")


def test_what_was_sealed_opens_only_with_its_key_and_unchanged() -> None:
    opener = Opener()
    sealed_text = seal(b"content", opener.public)
    assert opener.open(sealed_text) == b"content"
    for wrong in ("", "no base64!", sealed_text[:-4], seal(b"content", Opener().public)):
        with pytest.raises(CannotOpen):
            opener.open(wrong)
    with pytest.raises(ValueError, match="is no public key"):
        seal(b"content", "short")
