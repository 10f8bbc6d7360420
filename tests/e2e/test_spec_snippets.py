"""The snippets of the specification, as a user types them, on the stack and locally."""

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

DEPLOY_FROM_SDK = (
    MY_EXAMPLE
    + """
if __name__ == "__main__":
    flyte.init_from_config()
    deployment = flyte.deploy(env)
    print(deployment[0].summary_repr())
"""
)

WORKFLOWS = """\
import asyncio

import flyte

env = flyte.TaskEnvironment(name="workflows")


@env.task
async def extract_data(source: str) -> str:
    return f"Data from {source}"

@env.task
async def transform_data(data: str) -> str:
    return f"Transformed: {data}"

@env.task
async def load_data(data: str) -> str:
    return f"Loaded: {data}"

@env.task
async def etl_pipeline(source: str) -> str:
    # Sequential execution
    raw_data = await extract_data(source)
    transformed = await transform_data(raw_data)
    result = await load_data(transformed)
    return result


@env.task
async def process_batch(batch_id: int, data: str) -> str:
    return f"Batch {batch_id}: {data}"

@env.task
async def parallel_processing(data_batches: list[str]) -> list[str]:
    # Create tasks for parallel execution
    tasks = []
    for i, batch in enumerate(data_batches):
        tasks.append(process_batch(i, batch))

    # Execute in parallel
    results = await asyncio.gather(*tasks)
    return results


@env.task
async def process_item(item: str) -> str:
    return f"Processed {item}"

@env.task
async def dynamic_workflow(items: list[str]) -> list[str]:
    results = []

    # Group related tasks for better visualization
    with flyte.group("batch-processing"):
        for item in items:
            results.append(process_item(item))

        # Execute all tasks in the group
        processed = await asyncio.gather(*results)

    return processed


@env.task
async def process_data(input_path: str) -> str:
    # Task implementation
    return f"Processed {input_path}"

@env.task
def compute_metrics(data: str) -> dict:
    # Synchronous task
    return {"accuracy": 0.95, "loss": 0.05}

@env.task
async def data_pipeline(input_path: str) -> dict:
    # This is a workflow - it orchestrates other tasks
    processed_data = await process_data(input_path)
    metrics = await compute_metrics(processed_data)
    return metrics
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

MONITOR = (
    MY_EXAMPLE
    + """
if __name__ == "__main__":
    flyte.init_from_config()

    # Start execution
    run = flyte.run(my_task, name="test")

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
)

LOCAL_FROM_SDK = (
    MY_EXAMPLE
    + """
if __name__ == "__main__":
    r = flyte.with_runcontext(mode="local").run(my_task, name="World")
    print(r.outputs()[0])
    r = flyte.run(my_task, name="again")
    print(r.outputs()[0], r.status)
"""
)

MULTI_ENVIRONMENT = """\
import flyte

prep_env = flyte.TaskEnvironment(name="preprocessing")

ml_env = flyte.TaskEnvironment(
    name="ml_training",
    depends_on=[prep_env],  # Dependency declaration
    resources=flyte.Resources(memory="8Gi", cpu="4")
)

orchestrator_env = flyte.TaskEnvironment(
    name="orchestrator",
    depends_on=[prep_env, ml_env]  # Must include all child dependencies
)

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

if __name__ == "__main__":
    flyte.init_from_config()
    # This deploys orchestrator_env and its dependencies
    deployment = flyte.deploy(orchestrator_env)

    # Run the multi-environment workflow
    result = flyte.run(ml_pipeline, raw_data="training_data.csv")
    result.wait()
    print(result.outputs()[0])
"""


def test_deploy_then_run_prints_the_greeting(cli: Cli) -> None:
    cli.write("my_example.py", MY_EXAMPLE)
    assert "my_env.my_task" in cli.ok("deploy", "my_example.py", "env")
    assert "Hello, World!" in cli.ok("run", "my_example.py", "my_task", "--name", "World")


def test_run_local_prints_the_greeting_without_a_stack(lonely_cli: Cli) -> None:
    lonely_cli.write("my_example.py", MY_EXAMPLE)
    assert "Hello, World!" in lonely_cli.ok("run", "--local", "my_example.py", "my_task", "--name", "World")


def test_deploy_from_the_sdk(cli: Cli) -> None:
    cli.write("my_example.py", DEPLOY_FROM_SDK)
    done = cli.python("my_example.py")
    assert done.returncode == 0, done.stderr
    assert (
        "Deployment(envs=[Deployment(env=[my_env], entities=[DeployedTask(name=my_env.my_task" in done.stdout
    )


def test_deploy_with_a_version_and_run_the_deployed_task(cli: Cli) -> None:
    cli.write("my_example.py", MY_EXAMPLE)
    assert "v1.0.0" in cli.ok("deploy", "--version", "v1.0.0", "my_example.py", "env")
    printed = cli.ok("run", "deployed-task", "my_env.my_task:v1.0.0", "--name", "again")
    assert "Hello, again!" in printed


def test_the_same_version_with_other_content_is_refused(cli: Cli) -> None:
    cli.write("my_example.py", MY_EXAMPLE.replace("my_env", "fixed_env"))
    cli.ok("deploy", "--version", "v1", "my_example.py", "env")
    cli.ok("deploy", "--version", "v1", "my_example.py", "env")
    cli.write("my_example.py", MY_EXAMPLE.replace("my_env", "fixed_env").replace("Hello", "Bye"))
    refused = cli("deploy", "--version", "v1", "my_example.py", "env")
    assert refused.returncode != 0
    assert "v1" in refused.stderr and "fixed_env.my_task" in refused.stderr


def test_dry_run_shows_the_plan_and_sends_nothing(lonely_cli: Cli) -> None:
    lonely_cli.write("my_example.py", MY_EXAMPLE)
    printed = lonely_cli.ok("deploy", "--dryrun", "my_example.py", "env")
    assert "my_env.my_task" in printed
    assert "my_example.py" in printed


@pytest.mark.parametrize(
    ("task", "inputs", "expected"),
    [
        ("etl_pipeline", ["--source", "db"], "Loaded: Transformed: Data from db"),
        ("parallel_processing", ["--data_batches", '["a", "b"]'], "Batch 1: b"),
        ("dynamic_workflow", ["--items", '["x", "y"]'], "Processed y"),
        ("data_pipeline", ["--input_path", "/data/raw"], "0.95"),
    ],
)
def test_workflows_run_on_the_stack_and_locally_alike(
    cli: Cli, task: str, inputs: list[str], expected: str
) -> None:
    cli.write("workflows/my_workflow.py", WORKFLOWS)
    on_the_stack = cli.ok("run", "workflows/my_workflow.py", task, *inputs)
    locally = cli.ok("run", "--local", "workflows/my_workflow.py", task, *inputs)
    assert expected in on_the_stack
    assert _outputs(on_the_stack) == _outputs(locally)


def test_a_failing_task_is_tried_four_times_and_its_error_is_shown(cli: Cli) -> None:
    cli.write("resilient.py", RESILIENT)
    assert "GOOD" in cli.ok("run", "resilient.py", "resilient_task", "--data", "good")
    failed = cli("run", "resilient.py", "resilient_task", "--data", "bad")
    assert failed.returncode == 1
    assert failed.stdout.count("Task failed: cannot read this") == 4
    assert "ValueError" in failed.stderr and "cannot read this" in failed.stderr
    assert "resilient.py" in failed.stderr


def test_a_script_monitors_its_run(cli: Cli) -> None:
    cli.write("my_example.py", MONITOR)
    done = cli.python("my_example.py")
    assert done.returncode == 0, done.stderr
    assert "Workflow completed successfully" in done.stdout


def test_a_script_runs_locally_without_a_client(lonely_cli: Cli) -> None:
    lonely_cli.write("my_example.py", LOCAL_FROM_SDK)
    done = lonely_cli.python("my_example.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["Hello, World!", "Hello, again! SUCCEEDED"]


def test_tasks_of_several_environments_call_each_other(cli: Cli) -> None:
    cli.write("pipeline.py", MULTI_ENVIRONMENT)
    done = cli.python("pipeline.py")
    assert done.returncode == 0, done.stderr
    assert "Model trained on: Cleaned: training_data.csv" in done.stdout


def _outputs(printed: str) -> str:
    """The line that shows a run's outputs."""
    (line,) = [line for line in printed.splitlines() if line.startswith("Outputs:")]
    return line
