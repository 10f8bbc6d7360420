"""The specification's section "Monitoring and debugging": watch a run from a script; what retries show."""

import pytest

from testkit.cli import Cli

MONITORED = """\
import flyte

env = flyte.TaskEnvironment(name="monitored")

@env.task
async def my_workflow(input_data: str) -> str:
    print("looking at", input_data)
    if input_data != "test":
        raise ValueError(input_data)
    return "seen"

if __name__ == "__main__":
    flyte.init_from_config()

    # Start execution
    run = flyte.run(my_workflow, input_data="test")

    # Monitor progress
    print(f"Execution URL: {run.url}")
    print(f"Run ID: {run.name}")

    # Stream logs to console
    run.wait()

    # Check execution status
    if run.status == "SUCCEEDED":
        print("Workflow completed successfully")
    else:
        print(f"Workflow failed with status: {run.status}")
"""

RESILIENT = """\
import flyte

env = flyte.TaskEnvironment(name="resilient")

def process_data(data):
    if data == "bad":
        raise ValueError("cannot read this")
    return data.upper()

@env.task(
    retries=3,                    # Retry up to 3 times
    timeout=300,                  # 5 minute timeout
    interruptible=True            # Allow interruption for cost savings
)
async def resilient_task(data: str) -> str:
    try:
        # Task implementation
        return process_data(data)
    except Exception as e:
        # Log error for debugging
        print(f"Task failed: {e}")
        raise  # Re-raise to trigger retry
"""


@pytest.mark.parametrize(
    ("input_data", "ending"),
    [("test", "Workflow completed successfully"), ("other", "Workflow failed with status: FAILED")],
)
def test_execution_monitoring(cli: Cli, input_data: str, ending: str) -> None:
    cli.write("monitored.py", MONITORED.replace('input_data="test")', f'input_data="{input_data}")'))
    done = cli.python("monitored.py")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Execution URL: http://127.0.0.1:")
    assert lines[1].startswith("Run ID: ")
    assert f"looking at {input_data}" in lines
    assert lines[-1] == ending


@pytest.mark.parametrize("where", [[], ["--local"]], ids=["on the stack", "locally"])
def test_error_handling_and_retries(cli: Cli, where: list[str]) -> None:
    cli.write("resilient.py", RESILIENT)
    assert "GOOD" in cli.ok("run", *where, "resilient.py", "resilient_task", "--data", "good")
    failed = cli("run", *where, "resilient.py", "resilient_task", "--data", "bad")
    assert failed.returncode == 1
    assert failed.stdout.count("Task failed: cannot read this") == 4
    assert "ValueError" in failed.stderr and "cannot read this" in failed.stderr
    assert "resilient.py" in failed.stderr
