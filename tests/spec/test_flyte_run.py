"""The specification's section "flyte run": on the stack, locally, and of what was deployed before."""

from collections.abc import Callable

from testkit.cli import Cli

MY_EXAMPLE = """\
import flyte

env = flyte.TaskEnvironment(name="run_env")

@env.task
async def my_task(name: str) -> str:
    return f"Hello, {name}!"
"""

DATA_PIPELINE = """\
import flyte

env = flyte.TaskEnvironment(name="run_data_pipeline")

@env.task
async def process_data(input_path: str, batch_size: int) -> str:
    return f"Processed {input_path} by {batch_size}"
"""

BY_SDK = (
    DATA_PIPELINE
    + """
if __name__ == "__main__":
    flyte.init_from_config()
    r = flyte.run(
        process_data,
        input_path="/data/raw",
        batch_size=100
    )
    print(r.url)
    r.wait()
    print(r.outputs()[0])
"""
)

LOCAL_WITHOUT_A_CLIENT = (
    MY_EXAMPLE
    + """
if __name__ == "__main__":
    # No flyte.init_from_config() (or similar)
    r = flyte.run(my_task, name="again")
    print(r.outputs()[0], r.status)
    r = flyte.with_runcontext(mode="local").run(my_task, name="World")
    print(r.outputs()[0])
"""
)

LOCAL_WITH_A_CLIENT = (
    MY_EXAMPLE
    + """
if __name__ == "__main__":
    flyte.init_from_config()
    r = flyte.with_runcontext(mode="local").run(my_task, name="World")
    print(r.outputs()[0])
"""
)

TWO_ARGUMENTS = """\
import flyte

env = flyte.TaskEnvironment(name="two_arguments")

@env.task
async def my_task(arg1: str, arg2: str) -> str:
    return f"{arg1} and {arg2}"
"""

DEPLOYED_TASK = """\
import flyte

# Initialize your Flyte client
flyte.init_from_config()

# Get a reference to a deployed task by name and version
deployed_task = flyte.remote.Task.get(
    "two_arguments.my_task",
    version="v1.0.0"
)

# Or get the latest version
deployed_task = flyte.remote.Task.get(
    "two_arguments.my_task",
    auto_version="latest"
)

# Run the deployed task
result = flyte.run(
    deployed_task,
    arg1="value1",
    arg2="value2"
)

print(f"Task URL: {result.url}")
print(f"Run name: {result.name}")

# Wait for completion
result.wait()
print(result.status, result.outputs()[0])
"""


def test_deploy_and_run_in_one_step_by_cli(cli: Cli) -> None:
    cli.write("workflows/data_pipeline.py", DATA_PIPELINE)
    task = ("workflows/data_pipeline.py", "process_data")
    printed = cli.ok("run", *task, "--input_path", "/data/raw", "--batch_size", "100")
    assert "Processed /data/raw by 100" in printed


def test_deploy_and_run_in_one_step_by_sdk(cli: Cli) -> None:
    cli.write("workflows/data_pipeline.py", BY_SDK)
    done = cli.python("workflows/data_pipeline.py")
    assert done.returncode == 0, done.stderr
    url, *_, outputs = done.stdout.splitlines()
    assert url.startswith("http://127.0.0.1:")
    assert outputs == "Processed /data/raw by 100"


def test_local_run_by_cli(lonely_cli: Cli) -> None:
    lonely_cli.write("workflows/data_pipeline.py", DATA_PIPELINE)
    task = ("workflows/data_pipeline.py", "process_data")
    printed = lonely_cli.ok("run", "--local", *task, "--input_path", "/data/raw", "--batch_size", "100")
    assert "Processed /data/raw by 100" in printed


def test_local_run_by_sdk_without_a_client(lonely_cli: Cli) -> None:
    lonely_cli.write("my_example.py", LOCAL_WITHOUT_A_CLIENT)
    done = lonely_cli.python("my_example.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["Hello, again! SUCCEEDED", "Hello, World!"]


def test_local_run_by_sdk_with_a_client_asks_nothing_of_the_stack(cli: Cli) -> None:
    cli.write("my_example.py", LOCAL_WITH_A_CLIENT.replace("run_env", "never_deployed"))
    done = cli.python("my_example.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["Hello, World!"]
    assert "never_deployed" not in cli.ok("get", "task")


def test_run_a_previously_deployed_task_by_cli(cli: Cli) -> None:
    cli.write("my_example.py", MY_EXAMPLE)
    cli.ok("deploy", "--version", "v1.0.0", "my_example.py", "env")
    assert "Hello, World!" in cli.ok("run", "deployed-task", "run_env.my_task", "--name", "World")
    assert "Hello, again!" in cli.ok("run", "deployed-task", "run_env.my_task:v1.0.0", "--name", "again")


def test_run_a_previously_deployed_task_by_sdk(cli: Cli) -> None:
    cli.write("two_arguments.py", TWO_ARGUMENTS)
    cli.ok("deploy", "--version", "v1.0.0", "two_arguments.py", "env")
    cli.write("script/run_it.py", DEPLOYED_TASK)
    done = cli.python("script/run_it.py")
    assert done.returncode == 0, done.stderr
    assert "Task URL: http://127.0.0.1:" in done.stdout
    assert "Run name: " in done.stdout
    assert done.stdout.splitlines()[-1] == "SUCCEEDED value1 and value2"


def test_additional_cli_flags(cli: Cli) -> None:
    cli.write("hello.py", TWO_ARGUMENTS)
    place = ("--project", "my-project", "--domain", "development")
    printed = cli.ok("run", *place, "hello.py", "my_task", "--arg1", "value1", "--arg2", "value2")
    assert "value1 and value2" in printed
    assert "two_arguments.my_task" in cli.ok("get", "run", *place)


def test_additional_cli_flags_of_a_local_run_change_nothing(run_alike: Callable[..., str], cli: Cli) -> None:
    cli.write("hello.py", TWO_ARGUMENTS)
    words = ("hello.py", "my_task", "--arg1", "value1", "--arg2", "value2")
    assert "value1 and value2" in run_alike("--project", "my-project", "--domain", "development", *words)
