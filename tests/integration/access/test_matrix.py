"""Every role on every subject and every call of JetStream's API: what the rules allow, and nothing else."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from flyte_bus.identity import accounts
from flyte_schemas.access import ROLES, Role
from testkit.access_rules import EDGE, SERVICES, Rules, heard, said
from testkit.raw_nats import NOTHING, RawNats
from testkit.secured_server import SecuredServer, secured_server

OTHERS_INBOX = "_INBOX.UAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
NOT_ANSWERED = (
    "$JS.ACK.",
    "$JS.FC.",
    "$JS.API.CONSUMER.MSG.NEXT.",
    "flyte.live.",
    "_INBOX.",
    "flyte.timer.due.",
)
"""What is no question, or has somebody who answers it only at times."""
NOBODY_THERE = (".grant.", "$KV.other.", ".w-other")
SUBJECTS = tuple(said())


def differences(server: SecuredServer, role: str) -> dict[str, str]:
    """Where the server lets a role do something else than the rules do."""
    rules, found = Rules(role), dict[str, str]()
    with RawNats(server.port, server.credentials(role)) as client:
        refused = client.refused_publishing(SUBJECTS)
        for subject in SUBJECTS:
            if (subject in refused) == rules.may_publish(subject):
                found[subject] = "refused" if subject in refused else "let through"
        patterns = [*dict.fromkeys(heard(client.inbox, OTHERS_INBOX))]
        for queue in ("", "group"):
            refused = client.refused_listening(patterns, queue=queue)
            for pattern in patterns:
                if (pattern in refused) == rules.may_listen(pattern, client.inbox):
                    found[f"listening to {pattern}"] = "refused" if pattern in refused else "let through"
    return found


@pytest.mark.parametrize("role", ROLES)
def test_a_role_does_what_the_rules_allow_and_nothing_else(secured: SecuredServer, role: str) -> None:
    assert differences(secured, role) == {}


@pytest.mark.parametrize("role", [*EDGE, *SERVICES])
def test_what_a_role_may_say_arrives_and_is_answered(secured: SecuredServer, role: str) -> None:
    rules = Rules(role)
    subjects = [subject for subject in SUBJECTS if rules.may_publish(subject) and has_answer(subject)]
    with ExitStack() as held:
        client = held.enter_context(RawNats(secured.port, secured.credentials(role)))
        services = [held.enter_context(one) for one in answering(secured)]

        def meanwhile() -> None:
            for service in services:
                service.answer_all(b"here")

        found = client.answers(subjects, meanwhile=meanwhile)
    assert {subject: said for subject, said in found.items() if said.startswith(NOTHING)} == {}


def has_answer(subject: str) -> bool:
    """Whether somebody is there who answers."""
    return not subject.startswith(NOT_ANSWERED) and not any(word in subject for word in NOBODY_THERE)


def answering(server: SecuredServer) -> Iterator[RawNats]:
    """The services, as far as being there goes."""
    for name in SERVICES:
        service = RawNats(server.port, server.credentials(name))
        service.listen(f"flyte.svc.{name}.>")
        yield service
    guard = RawNats(server.port, server.credentials("guard"))
    guard.listen("flyte.read.>")
    guard.listen("flyte.svc.guard.ping")
    yield guard
    worker = RawNats(server.port, server.credentials("worker"))
    worker.listen("flyte.svc.worker.stop-attempt.s1.w-own")
    yield worker


def with_hole(role: Role, *, publish: tuple[str, ...] = (), subscribe: tuple[str, ...] = ()) -> Role:
    return replace(role, publish=(*role.publish, *publish), subscribe=(*role.subscribe, *subscribe))


@pytest.mark.parametrize(
    "hole",
    [
        with_hole(ROLES["viewer"], publish=("flyte.run.{place}.*.*",)),
        with_hole(ROLES["runner"], publish=("flyte.req.{place}.deploy.*.{user}",)),
        with_hole(ROLES["admin"], publish=("flyte.req.{place}.run.*.*",)),
        with_hole(ROLES["agent"], publish=("$JS.API.STREAM.DELETE.*",)),
        with_hole(ROLES["agent"], publish=("flyte.log.{place}.*.*",)),
        with_hole(ROLES["worker"], publish=("flyte.svc.executor.take-work.>",)),
        with_hole(ROLES["agent"], subscribe=("flyte.live.run.{place}.*.*",)),
        with_hole(ROLES["viewer"], subscribe=("_INBOX.>",)),
        with_hole(ROLES["dataproxy"], publish=("flyte.task.>",)),
        with_hole(ROLES["scheduler"], publish=("$JS.ACK.*.*.FLYTE_RUNS.>",)),
        replace(ROLES["viewer"], publish=ROLES["viewer"].publish[1:]),
    ],
    ids=lambda role: role.name,
)
def test_a_hole_in_the_matrix_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hole: Role) -> None:
    monkeypatch.setattr(accounts, "ROLES", {**ROLES, hole.name: hole})
    with secured_server(tmp_path) as server:
        assert differences(server, hole.name)
