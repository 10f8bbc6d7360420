"""The specification's sections on several environments, advanced deployment and resources."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from testkit.cli import Cli

DEPENDENCIES = """\
import flyte

# Environment for data preprocessing
prep_env = flyte.TaskEnvironment(
    name="preprocessing",
    image=flyte.Image.from_debian_base().with_pip_packages("pandas", "numpy")
)

# Environment for ML training
ml_env = flyte.TaskEnvironment(
    name="ml_training",
    depends_on=[prep_env],  # Dependency declaration
    image=flyte.Image.from_debian_base().with_pip_packages("torch", "sklearn"),
    resources=flyte.Resources(memory="8Gi", cpu="4")
)

# Environment for orchestration
orchestrator_env = flyte.TaskEnvironment(
    name="orchestrator",
    depends_on=[prep_env, ml_env]  # Must include all child dependencies
)
"""

INVOCATION = """\
@prep_env.task
async def preprocess_data(raw_data: str) -> str:
    return f"Cleaned: {raw_data}"

@ml_env.task
async def train_model(processed_data: str) -> str:
    return f"Model trained on: {processed_data}"

@orchestrator_env.task
async def ml_pipeline(raw_data: str) -> str:
    # This task calls tasks from different environments
    cleaned = await preprocess_data(raw_data)
    model = await train_model(cleaned)
    return model
"""

DEPLOYING = """\
if __name__ == "__main__":
    flyte.init_from_config()
    # This deploys orchestrator_env and its dependencies
    deployment = flyte.deploy(orchestrator_env)

    # Run the multi-environment workflow
    result = flyte.run(ml_pipeline, raw_data="training_data.csv")
    result.wait()
    print(sorted(deployment[0].envs))
    print(result.outputs()[0])
"""

DYNAMIC_SELECTION = """\
import flyte
import os

def create_environment():
    if flyte.current_domain() == "development":
        return flyte.TaskEnvironment(
            name="dev_env",
            image=flyte.Image.from_debian_base(),
            env_vars={"ENV": "dev"}
        )
    else:
        return flyte.TaskEnvironment(
            name="prod_env",
            image=flyte.Image.from_debian_base(),
            env_vars={"ENV": "prod"},
            resources=flyte.Resources(memory="4Gi", cpu="2")
        )

env = create_environment()

@env.task
async def which() -> str:
    return f"{os.environ['ENV']} in {flyte.current_domain()}"
"""

OTHER = """\
import flyte

env = flyte.TaskEnvironment(name="other_env")

@env.task
async def process_data(input: str) -> str:
    return f"Processed {input}"
"""

REMOTE = """\
import flyte

env = flyte.TaskEnvironment(name="remote_references")

# Reference a task from another deployed environment
remote_task = flyte.remote.Task.get("other_env.process_data", auto_version="latest")

@env.task
async def orchestrator() -> str:
    # Call the remote task
    result = await remote_task(input="test_data")
    return result
"""

CUSTOM_IMAGES = """\
import flyte

# Using a custom Dockerfile
env = flyte.TaskEnvironment(
    name="custom_image_env",
    image=flyte.Image.from_dockerfile(
        "Dockerfile",
        registry="ghcr.io/myorg",
        name="my_custom_image"
    )
)

@env.task
async def in_custom_image() -> str:
    return "custom"

# Building from existing image with packages
ml_env = flyte.TaskEnvironment(
    name="ml_env",
    image=flyte.Image.from_registry("pytorch/pytorch:2.0-cuda11.7")
        .with_pip_packages("transformers", "datasets")
        .with_apt_packages("git", "curl")
)

@ml_env.task
async def in_ml_image() -> str:
    return "ml"
"""

RESOURCES = """\
import flyte

# Configure appropriate resources for different task types
cpu_intensive_env = flyte.TaskEnvironment(
    name="cpu_tasks",
    resources=flyte.Resources(cpu="8", memory="16Gi")
)

gpu_env = flyte.TaskEnvironment(
    name="gpu_tasks",
    resources=flyte.Resources(cpu="4", memory="32Gi", gpu="1")
)

memory_intensive_env = flyte.TaskEnvironment(
    name="memory_tasks",
    resources=flyte.Resources(cpu="2", memory="64Gi")
)

@cpu_intensive_env.task
async def thinks() -> str:
    return "thought"

@gpu_env.task
async def draws() -> str:
    return "drawn"

@memory_intensive_env.task
async def remembers() -> str:
    return "remembered"
"""


def test_creating_environment_dependencies_and_cross_environment_task_invocation(
    cli: Cli, run_alike: Callable[..., str]
) -> None:
    cli.write("pipeline.py", f"{DEPENDENCIES}\n{INVOCATION}")
    printed = run_alike("pipeline.py", "ml_pipeline", "--raw_data", "training_data.csv")
    assert "Model trained on: Cleaned: training_data.csv" in printed
    assert "torch" in json.dumps(_template(cli, "ml_training.train_model"))


def test_deploying_multi_environment_workflows(cli: Cli) -> None:
    cli.write("pipeline.py", f"{DEPENDENCIES}\n{INVOCATION}\n{DEPLOYING}")
    done = cli.python("pipeline.py")
    assert done.returncode == 0, done.stderr
    environments, outputs = done.stdout.splitlines()[-2:]
    assert environments == "['ml_training', 'orchestrator', 'preprocessing']"
    assert outputs == "Model trained on: Cleaned: training_data.csv"


@pytest.mark.parametrize(("domain", "environment"), [("development", "dev"), ("production", "prod")])
def test_dynamic_environment_selection(
    cli: Cli, run_alike: Callable[..., str], domain: str, environment: str
) -> None:
    cli.write("selection.py", DYNAMIC_SELECTION)
    printed = run_alike("--project", "mine", "--domain", domain, "selection.py", "which")
    assert f"{environment} in {domain}" in printed
    place = ("--project", "mine", "--domain", domain)
    assert f"{environment}_env.which" in cli.ok("get", "task", *place)


def test_remote_task_references(cli: Cli) -> None:
    cli.write("other.py", OTHER)
    cli.ok("deploy", "other.py", "env")
    cli.write("mine/references.py", REMOTE)
    assert "Processed test_data" in cli.ok("run", "mine/references.py", "orchestrator")


def test_container_image_customization(cli: Cli, run_alike: Callable[..., str]) -> None:
    cli.write("Dockerfile", "FROM python:3.12-slim\n")
    cli.write("images.py", CUSTOM_IMAGES)
    assert "custom" in run_alike("images.py", "in_custom_image")
    assert "ml" in run_alike("images.py", "in_ml_image")
    custom = json.dumps(_template(cli, "custom_image_env.in_custom_image"))
    assert "ghcr.io/myorg/my_custom_image" in custom
    built = json.dumps(_template(cli, "ml_env.in_ml_image"))
    words = ("pytorch/pytorch:2.0-cuda11.7", "transformers", "datasets", "git", "curl")
    assert all(word in built for word in words)


def test_resource_management(cli: Cli, run_alike: Callable[..., str]) -> None:
    cli.write("resources.py", RESOURCES)
    assert "thought" in run_alike("resources.py", "thinks")
    assert "drawn" in run_alike("resources.py", "draws")
    assert "remembered" in run_alike("resources.py", "remembers")
    assert "16Gi" in json.dumps(_template(cli, "cpu_tasks.thinks")["resources"])
    assert "64Gi" in json.dumps(_template(cli, "memory_tasks.remembers")["resources"])
    assert "1" in str(_template(cli, "gpu_tasks.draws")["resources"]["gpu"])


def _template(cli: Cli, task: str) -> dict[str, Any]:
    return json.loads(cli.ok("get", "task", task, "-o", "json"))["template"]
