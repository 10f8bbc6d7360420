"""A backup as docs/operations.md says: copied while the stack is stopped, and found whole in another home."""

import shutil
from pathlib import Path

from testkit.cli import Cli, outputs_of

FLOW = """\
import flyte

env = flyte.TaskEnvironment(name="kept")


@env.task
def main(x: int = 4) -> bytes:
    print("said once")
    return b"x" * 200_000 if x else b""
"""


def test_a_copy_of_store_and_artifacts_is_the_whole_stack(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    user = Cli(tmp_path / "project", {"FLYTE_HOME": str(first)})
    user.write("flow.py", FLOW)
    user.ok("start", "--detach")
    try:
        outputs_of(user.ok("run", "--name", "it", "flow.py", "main"))
    finally:
        user.ok("stop")
    for name in ("nats", "artifacts"):
        shutil.copytree(first / name, second / name)
    shutil.rmtree(first)
    heir = Cli(user.folder, {"FLYTE_HOME": str(second)})
    heir.ok("start", "--detach")
    try:
        assert "said once" in heir.ok("logs", "it")
        assert "SUCCEEDED" in heir.ok("get", "run", "it").upper()
        assert "kept.main" in heir.ok("get", "task")
        heir.ok("audit", "it")
        heir.ok("run", "deployed-task", "kept.main", "--x", "0")
    finally:
        heir.ok("stop")
