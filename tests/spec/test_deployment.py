"""The specification's section "Deployment": `flyte deploy` and `flyte.deploy`, block by block."""

import json

import pytest

from testkit.cli import Cli

MY_EXAMPLE = """\
# my_example.py

import flyte

env = flyte.TaskEnvironment(name="my_env")

@env.task
async def my_task(name: str) -> str:
    return f"Hello, {name}!"
"""

SDK = """\
# my_example.py
import flyte
env = flyte.TaskEnvironment(name="my_env")

@env.task
async def my_task(name: str) -> str:
    return f"Hello, {name}!"

if __name__ == "__main__":
    flyte.init_from_config()
    deployment = flyte.deploy(env)
    print(deployment[0].summary_repr())
"""

MY_WORKFLOW = """\
import flyte

env = flyte.TaskEnvironment(name="my_workflow")

@env.task
async def hello_world(name: str) -> str:
    return f"Hello, {name}!"

if __name__ == "__main__":
    flyte.init_from_config()
    deployment = flyte.deploy(env)
    print(deployment[0].summary_repr())
"""

DEPLOYMENT_OPTIONS = """\
import flyte

env = flyte.TaskEnvironment(name="options_env")

@env.task
async def hello_world(name: str) -> str:
    return f"Hello, {name}!"

if __name__ == "__main__":
    flyte.init_from_config()
    deployment = flyte.deploy(
        env,                          # Environment to deploy
        dryrun=False,                # Set to True for dry run
        version="v1.0.0",            # Specific version tag
        copy_style="loaded_modules"   # How to copy dependencies
    )
    print(deployment[0].summary_repr())
"""

LOOKS_AT_ITSELF = """\
import sys

import flyte

env = flyte.TaskEnvironment(name="looks_at_itself")

assert __name__ == "my_example", __name__
assert sys.modules["my_example"].env is env

@env.task
async def my_task(name: str) -> str:
    assert __name__ == "my_example", __name__
    return f"Hello, {name}!"
"""


def test_deployment(cli: Cli) -> None:
    cli.write("my_example.py", MY_EXAMPLE)
    assert "my_env.my_task" in cli.ok("deploy", "my_example.py", "env")
    assert "Hello, World!" in cli.ok("run", "deployed-task", "my_env.my_task", "--name", "World")


def test_cli_command_processing_and_module_loading(cli: Cli) -> None:
    cli.write("my_example.py", LOOKS_AT_ITSELF)
    cli.ok("deploy", "my_example.py", "env")
    cli.ok("run", "--local", "my_example.py", "my_task", "--name", "World")
    assert "Hello, World!" in cli.ok("run", "my_example.py", "my_task", "--name", "World")


@pytest.mark.parametrize(
    ("copy_style", "files"),
    [
        ("loaded_modules", {"my_example.py", "greetings.py"}),
        ("all", {"my_example.py", "greetings.py", "unused.py", "notes.txt"}),
    ],
)
def test_code_bundle_creation(cli: Cli, copy_style: str, files: set[str]) -> None:
    environment = f"bundled_{copy_style}"
    greeting = MY_EXAMPLE.replace('f"Hello, {name}!"', "greet(name)").replace("my_env", environment)
    cli.write("my_example.py", f"from greetings import greet\n{greeting}")
    cli.write("greetings.py", "def greet(name: str) -> str:\n    return f'Hello, {name}!'\n")
    cli.write("unused.py", "")
    cli.write("notes.txt", "not code\n")
    cli.ok("deploy", "--copy-style", copy_style, "my_example.py", "env")
    assert "Hello, World!" in cli.ok("run", "deployed-task", f"{environment}.my_task", "--name", "World")
    assert _bundle_of(cli, f"{environment}.my_task") == files


def test_backend_communication_and_data_transfer(cli: Cli) -> None:
    cli.write("my_example.py", MY_EXAMPLE)
    cli.ok("deploy", "my_example.py", "env")
    task = json.loads(cli.ok("get", "task", "my_env.my_task", "-o", "json"))
    template = task["template"]
    assert template["bundle"]["uri"].startswith("flyte://artifacts/")
    assert template["interface"]["inputs"] and template["interface"]["outputs"]
    assert template["source"]["file"] == "my_example.py"
    assert template["image"]


def test_flyte_deploy_by_cli_names_the_variable_and_not_the_environment(cli: Cli) -> None:
    cli.write("my_example.py", MY_EXAMPLE)
    assert "my_env.my_task" in cli.ok("deploy", "my_example.py", "env")
    refused = cli("deploy", "my_example.py", "my_env")
    assert refused.returncode != 0 and "my_env" in refused.stderr


def test_flyte_deploy_by_sdk(cli: Cli) -> None:
    cli.write("my_example.py", SDK)
    done = cli.python("my_example.py")
    assert done.returncode == 0, done.stderr
    expected = (
        "Deployment(envs=[Deployment(env=[my_env], entities=[DeployedTask(name=my_env.my_task, version="
    )
    assert done.stdout.startswith(expected)


def test_basic_deployment(cli: Cli) -> None:
    cli.write("my_workflow.py", MY_WORKFLOW)
    done = cli.python("my_workflow.py")
    assert done.returncode == 0, done.stderr
    assert "DeployedTask(name=my_workflow.hello_world, version=" in done.stdout
    assert "Hello, World!" in cli.ok("run", "deployed-task", "my_workflow.hello_world", "--name", "World")


def test_command_line_deployment(cli: Cli, lonely_cli: Cli) -> None:
    cli.write("my_workflow.py", MY_WORKFLOW)
    assert "my_workflow.hello_world" in cli.ok("deploy", "my_workflow.py", "env")
    assert "v1.0" in cli.ok("deploy", "--version", "v1.0", "my_workflow.py", "env")
    plan = lonely_cli.ok("deploy", "--dryrun", "my_workflow.py", "env")
    assert "my_workflow.hello_world" in plan and "my_workflow.py" in plan
    assert "v1.0" in cli.ok("get", "task", "my_workflow.hello_world:v1.0")


def test_command_line_deployment_keeps_a_version_for_one_content(cli: Cli) -> None:
    cli.write("my_example.py", MY_EXAMPLE.replace("my_env", "fixed_env"))
    cli.ok("deploy", "--version", "v1", "my_example.py", "env")
    cli.ok("deploy", "--version", "v1", "my_example.py", "env")
    cli.write("my_example.py", MY_EXAMPLE.replace("my_env", "fixed_env").replace("Hello", "Bye"))
    refused = cli("deploy", "--version", "v1", "my_example.py", "env")
    assert refused.returncode != 0
    assert "v1" in refused.stderr and "fixed_env.my_task" in refused.stderr


def test_deployment_options(cli: Cli) -> None:
    cli.write("options.py", DEPLOYMENT_OPTIONS)
    done = cli.python("options.py")
    assert done.returncode == 0, done.stderr
    assert "DeployedTask(name=options_env.hello_world, version=v1.0.0" in done.stdout
    printed = cli.ok("run", "deployed-task", "options_env.hello_world:v1.0.0", "--name", "World")
    assert "Hello, World!" in printed


def test_deployment_options_can_ask_for_a_dry_run(lonely_cli: Cli) -> None:
    script = DEPLOYMENT_OPTIONS.replace("dryrun=False", "dryrun=True")
    lonely_cli.write("options.py", script.replace("flyte.init_from_config()", "flyte.init()"))
    done = lonely_cli.python("options.py")
    assert done.returncode == 0, done.stderr
    assert "DeployedTask(name=options_env.hello_world, version=v1.0.0" in done.stdout


READ_BUNDLE = """\
import io
import sys
import tarfile

import flyte
import fsspec

flyte.init_from_config()
with tarfile.open(fileobj=io.BytesIO(fsspec.open(sys.argv[1]).open().read())) as bundle:
    print(*(member.name for member in bundle.getmembers() if member.isfile()), sep="\\n")
"""


def _bundle_of(cli: Cli, task: str) -> set[str]:
    """The names of the files in a task's bundle, as the artifact store keeps it."""
    uri = json.loads(cli.ok("get", "task", task, "-o", "json"))["template"]["bundle"]["uri"]
    cli.write("read_bundle.py", READ_BUNDLE)
    done = cli.python("read_bundle.py", uri)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())
