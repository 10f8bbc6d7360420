"""Who agents are let in as: one attempt, one run, for a while; and what they are not told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flyte_bus.identity.credentials import Credentials
from flyte_executor.backends.containers import run_words
from flyte_executor.backends.handing import Handing
from flyte_executor.backends.port import LaunchFailed, order_for
from flyte_executor.backends.told import own_variables, told_to_agents, variables_of
from flyte_executor.credentials import QUEUE_S, issuer_of
from flyte_schemas.events import RunSettings
from flyte_schemas.recovery import Recovery
from flyte_schemas.subjects import AttemptKey, RunKey
from testkit.issuing import TTL_S, issuer
from testkit.pods import ATTEMPT, launch

PLACE = f"{ATTEMPT.action.run.project}.{ATTEMPT.action.run.domain}"
SECRETS = {
    "FLYTE_NATS_USER": "u",
    "FLYTE_NATS_PASSWORD": "p",
    "FLYTE_NATS_CREDS": "/c",
    "FLYTE_AWS_ACCESS_KEY_ID": "a",
    "FLYTE_AWS_SECRET_ACCESS_KEY": "s",
    "FLYTE_NOTIFIER_SECRET": "n",
    "FLYTE_EXECUTOR_AGENT_KEY": "/k",
}
TOLD = {"FLYTE_NATS_URL": "nats://bus", "AWS_ACCESS_KEY_ID": "the user's", "PATH": "/bin"}


def test_an_attempt_is_let_in_for_its_run_and_the_one_that_it_recovers() -> None:
    recovering = launch(settings=RunSettings(recovery=Recovery(run="before")))
    made = issuer().for_launch(recovering).identity
    assert (made.role, made.places, made.run) == ("agent", (PLACE,), ATTEMPT.action.run.run)
    assert made.tags["source"] == ("before",)
    assert "source" not in issuer().for_launch(launch()).identity.tags


def test_credentials_end_soon_and_later_where_they_may_have_to_wait() -> None:
    def ends_within(made: Credentials, seconds: float) -> bool:
        expires_at = made.identity.expires_at
        assert expires_at is not None
        left = expires_at - datetime.now(UTC)
        return timedelta(seconds=seconds - 30) < left <= timedelta(seconds=seconds)

    assert ends_within(issuer().for_launch(launch()), TTL_S)
    assert ends_within(issuer().for_launch(launch(), queues=True), TTL_S + QUEUE_S)
    assert ends_within(issuer().for_worker(("p", "d"), "pool-1", "w-1"), TTL_S)


def test_each_attempt_and_each_worker_has_a_key_which_any_executor_finds_again() -> None:
    one = issuer()
    other = issuer()
    later = AttemptKey(ATTEMPT.action, ATTEMPT.attempt + 1)
    seeds = [
        one.for_attempt(ATTEMPT).seed,
        one.for_attempt(later).seed,
        other.for_attempt(ATTEMPT).seed,
        one.for_worker(("p", "d"), "pool-1", "w-1").seed,
        one.for_worker(("p", "d"), "pool-1", "w-2").seed,
        one.for_worker(("p", "e"), "pool-1", "w-1").seed,
    ]
    assert len(set(seeds)) == len(seeds)
    assert one.for_attempt(ATTEMPT, "before").seed == seeds[0]


def test_a_name_that_permissions_cannot_hold_fails_the_launch() -> None:
    strange = AttemptKey(RunKey("p{{name()}}", "d", "r").action("a0"), 1)
    with pytest.raises(LaunchFailed, match=r"no agent can be let in for .*project"):
        issuer().for_attempt(strange)


def test_keys_that_are_none_are_told_with_their_file(tmp_path: Path) -> None:
    made = issuer()
    agents, workers, other = (tmp_path / name for name in ("agent", "worker", "other"))
    agents.write_text(made.agents().text)
    workers.write_text(made.workers().text)
    other.write_text("{}")
    assert issuer_of(None, None, TTL_S) is None
    found = issuer_of(agents, workers, TTL_S)
    assert found is not None
    assert (found.agents(), found.workers()) == (made.agents(), made.workers())
    for agent, worker, words in (
        (agents, None, "belong together"),
        (workers, agents, "role worker, and not of agent"),
        (agents, other, "signing key of a role"),
        (agents, tmp_path / "none", "cannot be used"),
    ):
        with pytest.raises(ValueError, match=words):
            issuer_of(agent, worker, TTL_S)


def test_agents_and_with_them_tasks_are_told_no_secret_of_the_services(tmp_path: Path) -> None:
    assert told_to_agents(SECRETS | TOLD, tmp_path) == TOLD | {"FLYTE_AGENT_SPARE_CREDENTIALS": str(tmp_path)}
    plain = told_to_agents(SECRETS | TOLD, None)
    assert plain == TOLD | {name: text for name, text in SECRETS.items() if name.startswith("FLYTE_NATS_")}


def test_a_container_has_credentials_of_its_own_that_stand_in_no_word_of_the_command() -> None:
    made = issuer().for_launch(launch(), queues=True).text
    variables = own_variables(variables_of(SECRETS | TOLD, "image"), made)
    assert not {"FLYTE_NATS_USER", "FLYTE_NATS_PASSWORD"} & variables.keys()
    assert variables["FLYTE_NATS_CREDS"] == made
    words = run_words(launch(), order_for(launch()), site="s", image="image", variables=variables)
    assert "FLYTE_NATS_CREDS" in words
    assert not any("SEED" in word or made in word for word in words)
    assert "--mount" not in words


async def test_files_of_credentials_are_their_owners_and_left_ones_are_cleared_away(tmp_path: Path) -> None:
    handing = Handing(issuer(), tmp_path / "credentials")
    handing.start()
    file = handing.of_launch(launch())
    assert Credentials.read(file.read_text()).identity.run == ATTEMPT.action.run.run
    assert Credentials.read(handing.spares.read_text()).identity.run == "none"
    assert [path.stat().st_mode & 0o777 for path in (file.parent, file)] == [0o700, 0o600]
    await handing.stop()
    again = Handing(issuer(), tmp_path / "credentials")
    again.start()
    assert list(file.parent.iterdir()) == [again.spares]
    await again.stop()
