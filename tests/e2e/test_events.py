"""The stream of events as a user types it: live, gone on with, filtered, and read by a program of his own."""

import getpass
import json
import signal
import subprocess
import sys
from pathlib import Path

from testkit.cli import Cli, clean_environment, command
from testkit.subscriber import SUBSCRIBERS
from testkit.waiting import wait_for

FLOW = """
import flyte

env = flyte.TaskEnvironment(name="watched")


@env.task
async def step(number: int) -> int:
    if number == 1:
        raise ValueError("not this one")
    return number


@env.task
async def main() -> int:
    try:
        await step(1)
    except flyte.errors.RuntimeUserError:
        pass
    return await step(2)
"""


TEXT = 24 + 2 + 20 + 2 + 20 + 2
"""Where in a line the text begins, after time, run and action."""


def documents(printed: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in printed.splitlines()]


def test_whoever_watches_sees_what_happens_and_goes_on_where_he_was(cli: Cli, tmp_path: Path) -> None:
    cli.write("flow.py", FLOW)
    # One who watches live, until Ctrl-C.
    live = cli.spawn("events", "-f", "-p", "watching", "--type", "action.requested", "--type", "ActionFailed")
    cli.ok("run", "-p", "watching", "--name", "seen", "flow.py", "main")
    assert live.stdout is not None
    lines = [live.stdout.readline() for _ in range(4)]
    live.send_signal(signal.SIGINT)
    rest, _ = live.communicate()
    assert (live.returncode, rest) == (130, "\n")
    assert all("  seen  " in line for line in lines)
    said = [line[TEXT:].partition(":")[0] for line in lines]
    me = getpass.getuser()
    assert said == [f"requested by {me}", "requested by a0", "failed", "requested by a0"]

    # The last ones of the project, deployments among them; then from any of them on, without a gap.
    everything = documents(cli.ok("events", "-p", "watching", "--since", "1h", "-o", "json"))
    assert [one["type"] for one in everything].count("flyte.task.deployed.v1") == 2
    of_run = documents(cli.ok("events", "seen", "-p", "watching", "-o", "json"))
    assert [one["id"] for one in of_run] == [
        one["id"] for one in everything if str(one["subject"]).startswith("flyte.run.")
    ]
    cut = len(everything) // 2
    words = ("events", "-p", "watching", "-o", "json", "--after", str(everything[cut]["cursor"]))
    assert documents(cli.ok(*words)) == everything[cut + 1 :]
    assert documents(cli.ok(*words, "--limit", "2", "-f")) == everything[cut + 1 : cut + 3]
    failed = cli.ok("events", "-p", "watching", "--phase", "failed").splitlines()
    assert len(failed) == 1 and failed[0].endswith("failed: ValueError: not this one")

    says_what_is_wrong(cli)
    a_program_finds(cli, {str(one["id"]) for one in of_run}, tmp_path / "journal.jsonl")


def says_what_is_wrong(cli: Cli) -> None:
    """Who closes the pipe is not shown a traceback; who mistypes is told what there is."""
    shown = subprocess.run(
        ["bash", "-c", f"{command('flyte')} events --all-projects -f --since 1h | head -1"],
        env=clean_environment(**cli.variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (shown.stdout.count("\n"), shown.stderr) == (1, "")
    for words, told in (
        (("--phase", "faild"), "there is no phase 'faild': did you mean 'failed'?"),
        (("--type", "action.faild"), "there is no event type 'action.faild' in the stream: did you mean"),
        (("--after", "99999999"), "lies beyond the end of the log"),
        (("nobody",), "the log has no run 'nobody'"),
    ):
        done = cli("events", *words)
        assert done.returncode == 1 and done.stderr.startswith("error: ") and told in done.stderr


def a_program_finds(cli: Cli, wanted: set[str], journal: Path) -> None:
    """A program of his own, which knows nothing of flyte, finds the same events on the same stack."""
    stack = json.loads((Path(cli.variables["FLYTE_HOME"]) / "stack.json").read_text())
    program = subprocess.Popen(
        [sys.executable, str(SUBSCRIBERS / "journal.py"), stack["nats_url"], str(journal)],
        env=clean_environment(FLYTE_NATS_CREDS=stack["nats_credentials"]),
        stdout=subprocess.DEVNULL,
    )
    try:

        def found() -> bool:
            text = journal.read_text() if journal.exists() else ""
            whole = text[: text.rfind("\n") + 1].splitlines()
            return wanted <= {json.loads(line)["event"]["id"] for line in whole}

        wait_for("the program to have all events of the run", found)
    finally:
        program.kill()
        program.wait()
