"""Triggers as a user declares, sees, switches and removes them, and the runs that they start."""

import json

from testkit.cli import Cli
from testkit.waiting import wait_for

TRIGGERED = """
import datetime
import flyte

env = flyte.TaskEnvironment(name="triggered")
often = flyte.Trigger("often", flyte.Cron("@every 1s"), inputs={"at": flyte.TriggerTime, "x": 5})

@env.task(triggers=often)
def main(at: datetime.datetime, x: int = 3) -> str:
    return f"{at.isoformat()} {x}"

@env.task
def by_hand(trigger_time: datetime.datetime) -> str:
    return str(trigger_time)
"""


def runs(cli: Cli) -> list[dict[str, object]]:
    """The runs that succeeded, as the command shows them."""
    printed = cli.ok("get", "run", "--task-name", "triggered.main", "--in-phase", "succeeded", "-o", "json")
    return list(json.loads(printed))


def test_triggers_from_the_file_to_their_runs_and_their_end(cli: Cli) -> None:
    file = cli.write("triggered.py", TRIGGERED)
    cli.ok("run", "--follow", "triggered.py", "by_hand", "--trigger-time", "2026-01-01T00:00:00Z")
    assert "often" not in cli.ok("get", "trigger", "triggered.main")  # a run leaves triggers as they are
    assert "often" in cli.ok("deploy", "triggered.py", "env")
    try:
        wait_for("two runs", lambda: len(runs(cli)) >= 2)
        run = runs(cli)[-1]
        assert run["requested_by"] == "scheduler"
        moment = str(run["name"]).rpartition("-")[2]
        printed = cli.ok("get", "io", str(run["name"]), "--outputs-only", "-o", "json")
        shown = json.loads(printed)["outputs"]
        assert shown["o0"].endswith("+00:00 5")
        assert shown["o0"].partition("+")[0].replace("-", "").replace(":", "").lower() + "z" == moment
        cli.ok("update", "trigger", "often", "triggered.main", "--deactivate")
        assert "nothing changed" in cli("deploy", "triggered.py", "env").stderr
        (often,) = json.loads(cli.ok("get", "trigger", "triggered.main", "-o", "json"))
        assert (often["is_active"], often["next_time"], often["inputs"]) == (False, None, {"x": 5})
        words = ("--schedule", "30 3 * * mon", "--timezone", "Europe/Berlin", "--description", "Nightly.")
        assert "fires next" in cli.ok("create", "trigger", "triggered.by_hand", "nightly", *words)
        shown_one = cli.ok("get", "trigger", "triggered.by_hand", "nightly")
        assert "30 3 * * mon (Europe/Berlin)" in shown_one and "Nightly." in shown_one
        refused = cli("create", "trigger", "triggered.by_hand", "nightly", *words)
        assert refused.returncode == 1 and "has a trigger 'nightly' already" in refused.stderr
        cli.ok("delete", "trigger", "nightly", "triggered.by_hand")
    finally:
        file.write_text(TRIGGERED.replace("@env.task(triggers=often)", "@env.task"))
        cli.ok("deploy", "triggered.py", "env")  # without its trigger
    assert json.loads(cli.ok("get", "trigger", "triggered.main", "-o", "json")) == []
