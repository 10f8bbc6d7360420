"""People with roles, as they type: who looks, who runs, who deploys, and who is let out again."""

import json
import stat
from pathlib import Path

import pytest
import requests

from testkit.cases.harness import GUARD_S
from testkit.cli import Cli, outputs_of
from testkit.console_process import free_port
from testkit.secured_server import secured_server
from testkit.stacks import running_stack
from testkit.waiting import wait_for

FLOW = """\
import flyte

env = flyte.TaskEnvironment(name="access")


@env.task
async def main(x: int = 4) -> int:
    return 2 * x
"""


def test_people_do_what_their_roles_say_and_no_more(cli: Cli) -> None:
    cli.write("flow.py", FLOW)
    place = ("--project", "open", "--domain", "production")
    viewer, runner, admin = (as_user(cli, name, role, *place) for name, role in ROLES.items())
    assert outputs_of(admin.ok("run", *place, "flow.py", "main")) == "Outputs: ActionOutputs(o0=8)"
    assert outputs_of(runner.ok("run", *place, "deployed-task", "access.main", "--x", "5")).endswith(
        "(o0=10)"
    )
    listed = viewer.ok("get", "run", *place)
    assert listed.count("access.main") == 2
    assert "vera" in viewer.ok("whoami")

    for user, words, told in (
        (
            viewer,
            ("run", *place, "deployed-task", "access.main"),
            "vera (viewer in open/production) may not start runs",
        ),
        (
            runner,
            ("run", *place, "--version", "v2", "flow.py", "main"),
            "may not deploy tasks in open/production",
        ),
        (admin, ("run", "--project", "closed", "--domain", "production", "flow.py", "main"), "may not"),
        (
            viewer,
            ("get", "run", "--project", "closed", "--domain", "production"),
            "may not ask the registry to list runs",
        ),
    ):
        refused = user(*words)
        assert refused.returncode == 1 and told in refused.stderr, refused.stderr
        assert "flyte admin create user" in refused.stderr

    assert "took back 1 credentials of vera" in cli.ok("admin", "revoke", "user", "vera")
    wait_for("vera to be let out", lambda: viewer("get", "run", *place).returncode != 0)
    assert runner("get", "run", *place).returncode == 0


def test_who_is_let_out_is_let_out_of_the_console_too(cli: Cli) -> None:
    console = json.loads(cli.ok("status", "-o", "json"))["console_url"]
    place = ("--project", "seen", "--domain", "production")
    users = {name: as_user(cli, name, "viewer", *place) for name in ("wanda", "walt")}
    tokens = {name: user.ok("console", "--token").strip() for name, user in users.items()}
    stream = f"{console}/api/v1/projects/seen/domains/production/stream"
    with requests.get(stream, headers=bearer(tokens["wanda"]), stream=True, timeout=GUARD_S) as followed:
        lines = followed.iter_lines()
        next(lines)
        told = cli.ok("admin", "revoke", "user", "wanda")
        assert "sessions that were made by it end within seconds" in told
        for _ in lines:  # heartbeats, until it ends
            pass
    assert session_of(console, tokens["wanda"]) == 401
    assert session_of(console, tokens["walt"]) == 200
    assert "wanda has no credentials any more" in cli.ok("admin", "revoke", "user", "wanda"), (
        "again is no harm"
    )
    nowhere = cli("--endpoint", f"127.0.0.1:{free_port()}", "admin", "revoke", "user", "wanda")
    assert nowhere.returncode == 1 and "sessions of the console go on" in nowhere.stderr
    unknown = cli("admin", "revoke", "user", "nobody")
    assert unknown.returncode == 1 and "nobody has no credentials" in unknown.stderr


def test_who_is_let_out_while_the_stack_is_down_finds_no_session(lonely_cli: Cli) -> None:
    lonely_cli.ok("start", "--detach")
    user = as_user(lonely_cli, "wim", "viewer", "--project", "p", "--domain", "d")
    token = user.ok("console", "--token").strip()
    lonely_cli.ok("stop")
    told = lonely_cli.ok("admin", "revoke", "user", "wim")
    assert "no NATS is configured here to tell it by" in told
    lonely_cli.ok("start", "--detach")
    try:
        console = json.loads(lonely_cli.ok("status", "-o", "json"))["console_url"]
        assert session_of(console, token) == 401
    finally:
        lonely_cli.ok("stop")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def session_of(console: str, token: str) -> int:
    address = f"{console}/api/v1/session"
    return requests.get(address, headers=bearer(token), timeout=GUARD_S).status_code


ROLES = {"vera": "viewer", "rob": "runner", "ada": "admin"}


def as_user(cli: Cli, name: str, role: str, *place: str) -> Cli:
    """A command line of somebody who was given credentials."""
    cli.ok("admin", "create", "user", name, "--role", role, *place)
    path = cli.folder / f"{name}.creds"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return Cli(cli.folder, {**cli.variables, "FLYTE_NATS_CREDS": str(path)})


def test_a_stack_is_its_owners_alone(cli: Cli) -> None:
    home = Path(cli.variables["FLYTE_HOME"])
    for path in ("access", "access/keys", "access/credentials", "nats", "."):
        assert stat.S_IMODE((home / path).stat().st_mode) == 0o700, path
    for path in (home / "access").rglob("*"):
        is_public = path.is_dir() or path.suffix == ".pub"
        assert is_public or stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((home / "stack.json").stat().st_mode) == 0o600
    stranger = Cli(cli.folder, {"FLYTE_HOME": str(cli.folder / "other")})
    refused = stranger("--endpoint", endpoint_of(cli), "get", "run")
    assert refused.returncode == 1 and "Authorization Violation" in refused.stderr
    assert "there are keys in" in cli("admin", "init").stderr


@pytest.mark.timeout(400)  # a dozen commands, each a process, and two stacks
def test_new_keys_on_a_stack_that_runs(tmp_path: Path) -> None:
    with running_stack(tmp_path) as home:
        cli = Cli(tmp_path, {"FLYTE_HOME": str(home)})
        cli.write("flow.py", FLOW)
        assert "the stack's server knows it" in cli.ok("admin", "rotate", "agent")
        ending = ("admin", "rotate", "agent", "--end-previous")
        wait_for("the stack to go by the new key", lambda: cli(*ending).returncode == 0)
        assert outputs_of(cli.ok("run", "flow.py", "main")) == "Outputs: ActionOutputs(o0=8)"

        assert "`flyte stop`, `flyte start`" in cli.ok("admin", "rotate", "executor")
        refused = cli("admin", "rotate", "executor", "--end-previous")
        assert refused.returncode == 1 and "the executor of the running stack" in refused.stderr
        cli.ok("stop")
        cli.ok("admin", "rotate", "executor", "--end-previous")
        cli.ok("start", "--detach")
        assert outputs_of(cli.ok("run", "flow.py", "main")) == "Outputs: ActionOutputs(o0=8)"


@pytest.mark.timeout(400)  # a dozen commands, each a process
def test_a_stack_on_a_server_that_knows_roles(tmp_path: Path) -> None:
    with secured_server(tmp_path / "server") as server:
        folder = server.keyring.folder
        cli = Cli(tmp_path, {"FLYTE_HOME": str(tmp_path / "home")})
        cli.write("flow.py", FLOW)
        alone = cli("start", "--keys", str(folder))
        assert alone.returncode == 2 and "add --nats URL" in alone.stderr
        with_nats = ("start", "--detach", "--nats", server.server.url)
        one = Cli(
            cli.folder, cli.variables | {"FLYTE_NATS_CREDS": str(folder / "credentials/operator.creds")}
        )
        refused = one(*with_nats)
        assert refused.returncode != 0 and "each service of a stack has its own" in refused.stderr
        refused = cli(*with_nats, "--keys", str(tmp_path))
        assert refused.returncode != 0 and "credentials/registry.creds" in refused.stderr
        (folder / "keys").rename(tmp_path / "kept-away")
        cli.ok(*with_nats, "--keys", str(folder))
        try:
            assert cli.ok("status").count("running on") == 7
            assert outputs_of(cli.ok("run", "flow.py", "main")) == "Outputs: ActionOutputs(o0=8)"
            assert not (tmp_path / "home" / "access").exists()
            (tmp_path / "kept-away").rename(folder / "keys")
            cli.ok("admin", "create", "user", "vera", "--dir", str(folder), "--role", "viewer", *ANYWHERE)
            viewer = Cli(cli.folder, cli.variables | {"FLYTE_NATS_CREDS": str(tmp_path / "vera.creds")})
            assert "access.main" in viewer.ok("get", "run")
        finally:
            cli.ok("stop")


ANYWHERE = ("--project", "*", "--domain", "*")


def endpoint_of(cli: Cli) -> str:
    (line,) = [line for line in cli.ok("status").splitlines() if line.startswith("endpoint")]
    return line.split()[1]
