"""The specification's sections "Terminology" and "Running tasks and workflows", on the stack and locally."""

import json
from collections.abc import Callable

import pytest

from testkit.cli import Cli

TASK_ENVIRONMENT = """\
import flyte

# Create a task environment
env = flyte.TaskEnvironment(
    name="data_processing",
    resources=flyte.Resources(memory="2Gi", cpu="1"),
    image=flyte.Image.from_debian_base().with_pip_packages("pandas", "numpy"),
    env_vars={"LOG_LEVEL": "INFO"}
)
"""

READS_ITS_ENVIRONMENT = (
    TASK_ENVIRONMENT
    + """
@env.task
async def log_level() -> str:
    import os
    return os.environ["LOG_LEVEL"]
"""
)

TASKS = """\
@env.task
async def process_data(input_path: str) -> str:
    # Task implementation
    return f"Processed {input_path}"

@env.task
def compute_metrics(data: str) -> dict:
    # Synchronous task
    return {"accuracy": 0.95, "loss": 0.05}
"""

WORKFLOW = """\
@env.task
async def data_pipeline(input_path: str) -> dict:
    # This is a workflow - it orchestrates other tasks
    processed_data = await process_data(input_path)
    metrics = await compute_metrics(processed_data)
    return metrics
"""

LOCAL_TESTING = """\
import flyte

env = flyte.TaskEnvironment(name="local_testing")

@env.task
async def process_file(filename: str) -> str:
    return f"Processing {filename}"

if __name__ == "__main__":
    flyte.init_from_config()

    # Run locally
    result = flyte.run(process_file, filename="data.csv")
    print(f"Task URL: {result.url}")
    print(f"Run name: {result.name}")

    # Wait for completion and stream logs
    result.wait()
"""

COMMAND_LINE = """\
import flyte

env = flyte.TaskEnvironment(name="command_line")

@env.task
async def process_file(filename: str) -> str:
    print(f"reading {filename}")
    return f"Processing {filename}"

@env.task
async def data_pipeline(input_path: str, batch_size: int) -> str:
    return f"{input_path} by {batch_size}"
"""

SEQUENTIAL = """\
import flyte

env = flyte.TaskEnvironment(name="sequential")

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
"""

PARALLEL = """\
import flyte

env = flyte.TaskEnvironment(name="parallel")

import asyncio

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
"""

GROUPED = """\
import asyncio

import flyte

env = flyte.TaskEnvironment(name="grouped")

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
"""


def test_task_environments(cli: Cli, run_alike: Callable[..., str]) -> None:
    cli.write("environment.py", READS_ITS_ENVIRONMENT)
    assert "INFO" in run_alike("environment.py", "log_level")
    template = json.loads(cli.ok("get", "task", "data_processing.log_level", "-o", "json"))["template"]
    recorded = json.dumps(template)
    assert template["env_vars"] == {"LOG_LEVEL": "INFO"}
    assert all(word in recorded for word in ("2Gi", "pandas", "numpy"))


@pytest.mark.parametrize(
    ("task", "input_name", "expected"),
    [
        ("process_data", "--input_path", "Processed /data/raw"),
        ("compute_metrics", "--data", "0.95"),
    ],
)
def test_tasks(cli: Cli, run_alike: Callable[..., str], task: str, input_name: str, expected: str) -> None:
    cli.write("tasks.py", f"{TASK_ENVIRONMENT}\n{TASKS}")
    assert expected in run_alike("tasks.py", task, input_name, "/data/raw")


def test_workflows(cli: Cli, run_alike: Callable[..., str]) -> None:
    cli.write("workflow.py", f"{TASK_ENVIRONMENT}\n{TASKS}\n{WORKFLOW}")
    assert '{"accuracy": 0.95, "loss": 0.05}' in run_alike(
        "workflow.py", "data_pipeline", "--input_path", "/data/raw"
    )


def test_running_tasks_locally(lonely_cli: Cli) -> None:
    lonely_cli.write("local_testing.py", LOCAL_TESTING.replace("    flyte.init_from_config()\n", ""))
    done = lonely_cli.python("local_testing.py")
    assert done.returncode == 0, done.stderr
    assert "Task URL: " in done.stdout and "Run name: " in done.stdout


def test_running_tasks_locally_runs_on_the_stack_where_there_is_one(cli: Cli) -> None:
    cli.write("local_testing.py", LOCAL_TESTING)
    done = cli.python("local_testing.py")
    assert done.returncode == 0, done.stderr
    name = done.stdout.split("Run name: ")[1].split()[0]
    assert "SUCCEEDED" in cli.ok("get", "run", name)


def test_running_with_command_line(cli: Cli, run_alike: Callable[..., str]) -> None:
    cli.write("my_workflow.py", COMMAND_LINE)
    assert "Processing data.csv" in run_alike("my_workflow.py", "process_file", "--filename", "data.csv")
    words = ("my_workflow.py", "data_pipeline", "--input_path", "/data", "--batch_size", "100")
    assert "/data by 100" in run_alike(*words)


def test_sequential_workflows(cli: Cli, run_alike: Callable[..., str]) -> None:
    cli.write("sequential.py", SEQUENTIAL)
    printed = run_alike("sequential.py", "etl_pipeline", "--source", "db")
    assert "Loaded: Transformed: Data from db" in printed


def test_parallel_workflows(cli: Cli, run_alike: Callable[..., str]) -> None:
    cli.write("parallel.py", PARALLEL)
    printed = run_alike("parallel.py", "parallel_processing", "--data_batches", '["a", "b"]')
    assert '["Batch 0: a", "Batch 1: b"]' in printed


def test_dynamic_workflows_with_grouping(cli: Cli, run_alike: Callable[..., str]) -> None:
    cli.write("grouped.py", GROUPED)
    words = ("grouped.py", "dynamic_workflow", "--items", '["x", "y"]')
    assert '["Processed x", "Processed y"]' in run_alike("--name", "grouped-run", *words)
    assert cli.ok("events", "grouped-run").count("in group batch-processing") == 2
