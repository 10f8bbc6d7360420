"""The secrets of an attempt: given to its process, and hidden in all that the attempt ships."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from flyte._runtime.messages import Entered, Raised, Record, Returned
from flyte._runtime.redaction import Redactor
from flyte_agent import secrets
from flyte_agent.lane_output import LaneOutput
from flyte_agent.secrets import AttemptSecrets, SecretFolder, SecretsRefused
from flyte_agent.settings import AgentSettings
from flyte_bus.ports import Server
from flyte_bus.secrets import mounts
from flyte_executor.secrets.environment import EnvironmentStore
from flyte_executor.secrets.service import Secrets
from flyte_schemas.events import LogWritten, TraceFailed
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import SecretReference
from flyte_schemas.secrets import GIVE_SECRETS, GiveSecrets, SecretsGiven
from testkit.cases.harness import GUARD_S
from testkit.open_attempt import OpenAttempt
from testkit.played_attempt import Played, deploy
from testkit.tasks import NOON

VALUE, PEM = "hunter2/hunter2", b"first line of it\nsecond line of it\n"
WANTED = (
    SecretReference(key="token", as_env_var="TOKEN"),
    SecretReference(key="pem", group="team", mount="/etc/flyte/secrets"),
)
TRACED: dict[str, Any] = {"parent": "a0", "parent_attempt": 1, "started_at": NOON}
ENVIRONMENT = {"FLYTE_SECRET_TOKEN": VALUE, "FLYTE_SECRET_TEAM_PEM": PEM.decode()}


@pytest.fixture
async def played(attempt: OpenAttempt, tmp_path: Path) -> AsyncIterator[Played]:
    await deploy(attempt, WANTED)
    pid = os.posix_spawn("/bin/sleep", ["sleep", "600"], {}, setpgroup=0)
    played = Played(attempt, tmp_path, pid)
    yield played
    await played.close()
    played.folder.secrets.remove()


@pytest.fixture
async def store(attempt: OpenAttempt) -> AsyncIterator[Secrets]:
    secrets = Secrets(attempt.bus, EnvironmentStore(dict(ENVIRONMENT)))
    await secrets.start()
    yield secrets
    await secrets.stop()


async def test_a_task_has_its_secrets_and_nothing_that_it_says_shows_one(
    played: Played, store: Secrets
) -> None:
    start = await played.begin()
    assert start.secrets is not None
    assert start.secrets.variables == {"TOKEN": VALUE}
    file = Path(start.secrets.folder, "team", "pem")
    assert file.read_bytes() == PEM
    assert file.stat().st_mode & 0o277 == 0
    assert Path(start.secrets.folder).stat().st_mode & 0o077 == 0
    assert VALUE not in repr(start)
    for word in (b"key: hunter2/", b"hunter2 and hunt", b"er\nfirst line of it", b"\n"):
        os.write(played.out, word)
        await asyncio.sleep(0.06)  # each is in a chunk of its own, if it may be
    failure = Failure(
        code="ValueError", kind=FailureKind.USER, message=f"bad {VALUE}", traceback=f"line 3: {VALUE}"
    )
    played.say(Entered(), Raised(failure=failure))
    state = await played.ends()
    assert state.failure is not None
    assert (state.failure.message, state.failure.traceback) == ("bad ***", "line 3: ***")
    assert await played.printed() == "key: *** and hunter\n***\n"
    assert state.log_end == len(b"key: hunter2/hunter2 and hunter\nfirst line of it\n")
    assert VALUE.encode() not in b"".join([entry.raw for entry in await played.around.entries("a0")])


def test_in_a_container_a_file_is_where_tasks_look_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is of the agent's user, who may write where images let everybody; else only there."""
    standard = tmp_path / "etc" / "flyte" / "secrets"
    monkeypatch.setattr(secrets, "STANDARD_FOLDER", PurePosixPath(standard))
    for image in ("", "i:1"):
        folder = SecretFolder(AgentSettings(home=tmp_path / "home", image=image))
        folder.write(PurePosixPath("team/pem"), PEM)
        assert (folder.path / "team" / "pem").read_bytes() == PEM
        assert standard.is_symlink() == bool(image)
    assert (standard / "team" / "pem").read_bytes() == PEM
    folder.remove()
    assert not (standard / "team" / "pem").exists()


def test_an_image_whose_user_may_not_write_there_has_its_files_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").write_text("no folder can be made here")
    monkeypatch.setattr(secrets, "STANDARD_FOLDER", PurePosixPath(tmp_path / "etc" / "flyte" / "secrets"))
    folder = SecretFolder(AgentSettings(home=tmp_path / "home", image="i:1"))
    folder.write(PurePosixPath("token"), b"value")
    assert (folder.path / "token").read_bytes() == b"value"
    folder.remove()


async def test_a_secret_that_is_missing_fails_the_attempt_at_once(
    played: Played, attempt: OpenAttempt
) -> None:
    secrets = Secrets(attempt.bus, EnvironmentStore({}))
    await secrets.start()
    played.running = asyncio.create_task(played.attempt.run())
    state = await played.ends()
    await secrets.stop()
    assert state.failure is not None
    assert (state.failure.code, state.failure.recoverable) == ("SecretMissing", False)
    assert "looked in project/domain, domain domain, global" in state.failure.message


async def test_who_is_told_to_stop_waits_for_no_secret(played: Played, attempt: OpenAttempt) -> None:
    asked = asyncio.Event()

    async def never(question: GiveSecrets) -> SecretsGiven:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    server: Server = await attempt.bus.serve(GIVE_SECRETS, never)
    played.running = asyncio.create_task(played.attempt.run())
    async with asyncio.timeout(GUARD_S):
        await asked.wait()
    played.attempt.stop()
    state = await played.ends()
    await server.stop()
    assert state.failure is not None
    assert state.failure.code == "Interrupted"
    assert state.phase is not ActionPhase.RUNNING


@pytest.mark.parametrize(
    ("wanted", "value", "sentence"),
    [
        ({"key": "token", "as_env_var": "FLYTE_HOME"}, "v", "no secret can be the variable 'FLYTE_HOME'"),
        ({"key": "token", "as_env_var": "A B"}, "v", "no secret can be the variable 'A B'"),
        ({"key": "token", "as_env_var": "T"}, "\udcff", "the value of secret 'token' is no text"),
        ({"key": "..", "mount": "/etc/flyte/secrets"}, "v", "secret '..' cannot be a file of that name"),
        (
            {"key": "token", "group": "a/b", "mount": "/etc/flyte/secrets"},
            "v",
            "secret 'a/b/token' cannot be",
        ),
        ({"key": "token", "mount": "/etc"}, "v", "secret 'token' cannot be mounted at /etc"),
    ],
)
async def test_what_fits_no_process_is_named(
    wanted: dict[str, str], value: str, sentence: str, attempt: OpenAttempt, tmp_path: Path
) -> None:
    await deploy(attempt, [SecretReference(**wanted)])
    await attempt.reports().claim()
    store = Secrets(attempt.bus, EnvironmentStore({"FLYTE_SECRET_TOKEN": value}))
    await store.start()
    settings = AgentSettings(home=tmp_path)
    secrets = AttemptSecrets(attempt.bus, attempt.order, settings, SecretFolder(settings))
    with pytest.raises(SecretsRefused) as refused:
        await secrets.fetch([SecretReference(**wanted)], attempt.reports().worker)
    await store.stop()
    assert refused.value.failure.code == "SecretUnusable"
    assert sentence in str(refused.value)


async def test_in_a_pod_nobody_is_asked_and_the_values_are_hidden_all_the_same(
    attempt: OpenAttempt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", VALUE)
    settings = AgentSettings(home=tmp_path, pod_has_secrets=True, patience_s=0.1)
    secrets = AttemptSecrets(attempt.bus, attempt.order, settings, SecretFolder(settings))
    await secrets.fetch(WANTED, "w")
    assert secrets.seen is not None
    assert secrets.seen.folder == "/etc/flyte/secrets"
    assert secrets.redactor.text(f"<{VALUE}>") == "<***>"


async def test_the_failure_of_a_step_shows_no_value(attempt: OpenAttempt, tmp_path: Path) -> None:
    settings = AgentSettings(home=tmp_path)
    secrets = AttemptSecrets(attempt.bus, attempt.order, settings, SecretFolder(settings))
    secrets.redactor = Redactor([VALUE])
    failure = Failure(code="E", kind=FailureKind.USER, message=VALUE)
    told = secrets.hidden_in(Record(call=1, step="s", trace=TraceFailed(name="f", failure=failure, **TRACED)))
    assert isinstance(told, Record)
    assert isinstance(told.trace, TraceFailed)
    assert told.trace.failure.message == "***"
    returned = Returned(outputs={})
    assert secrets.redactor.text(returned.model_dump_json()) == returned.model_dump_json()


def test_a_folder_is_private_rewritten_and_gone_at_the_end(tmp_path: Path) -> None:
    folder = SecretFolder(AgentSettings(home=tmp_path))
    place = PurePosixPath("team", "pem")
    folder.write(place, b"one")
    folder.write(place, b"two")
    path = folder.path
    assert (path / place).read_bytes() == b"two"
    assert path.parent in mounts.places(tmp_path)
    folder.remove()
    assert not path.exists()
    folder.remove()


def test_what_a_killed_process_leaves_is_cleared_away_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "MEMORY", tmp_path / "nowhere")
    ours = mounts.make_folder(tmp_path)
    left = ours.parent / "999999999.1.abc"
    left.mkdir()
    mounts.clear_mounts(tmp_path)
    assert ours.parent == tmp_path / "mounted"
    assert (ours.exists(), left.exists()) == (True, False)
    mounts.remove_folder(ours)
    assert not ours.parent.exists()


def test_a_folder_in_memory_that_others_may_enter_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "MEMORY", tmp_path)
    (tmp_path / f"flyte-{os.getuid()}").mkdir(mode=0o755)
    folder = mounts.make_folder(tmp_path / "home")
    assert folder.parent == tmp_path / "home" / "mounted"
    mounts.remove_folder(folder)


async def test_the_output_of_a_lane_is_hidden_by_each_way_that_it_comes() -> None:
    from flyte._runtime.messages import Printed

    chunks: list[LogWritten] = []

    async def ship(chunk: LogWritten) -> None:
        chunks.append(chunk)

    reader, writer = os.pipe()
    lane = LaneOutput(1, ship)
    lane.hide(Redactor([VALUE]))
    lane.start()
    running = asyncio.create_task(lane.run())
    lane.follow({"stderr": reader})
    for text in ("said hun", "ter2/hunter2, and hunt"):
        await lane.hear(Printed(stream="stdout", text=text))
    os.write(writer, f"piped {VALUE} hunter2".encode())
    await asyncio.sleep(0)
    lane.close()
    await running
    for descriptor in (reader, writer):
        os.close(descriptor)
    segments = [segment for chunk in chunks for segment in chunk.segments]
    said = {
        name: "".join(one.text for one in segments if one.stream == name) for name in ("stdout", "stderr")
    }
    assert said == {"stdout": "said ***, and hunt", "stderr": "piped *** hunter2"}
    total = len("said hunter2/hunter2, and hunt") + len(f"piped {VALUE} hunter2")
    assert sum(chunk.size_bytes for chunk in chunks) == lane.shipped == total


def test_base64_of_an_answer_is_hidden_too() -> None:
    encoded = base64.b64encode(f"user:{VALUE}".encode()).decode()
    assert encoded[8:20] not in Redactor([VALUE]).text(encoded)
