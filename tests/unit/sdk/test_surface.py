"""The public names are those that Flyte's users know; the README gives each difference its reason."""

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

import flyte

README = Path(__file__).parents[3] / "README.md"

_NAMES = """
    AMD_GPU GPU HABANA_GAUDI TPU Neuron Device DeviceClass Resources AppHandle
    AsyncFunctionTaskTemplate TaskTemplate TaskEnvironment Environment Backoff RetryStrategy Timeout
    TimeoutType ReusePolicy BaseCheckpoint Checkpoint latest_checkpoint Cache CachePolicy
    CacheRequest ConditionWebhook new_condition Cron FixedRate OnArtifact Trigger TriggerTime
    TriggeredArtifact Image ImageBuild Link PodTemplate Secret SecretRequest __version__ version
    build build_images ctx current_domain current_project custom_context get_custom_context deploy
    group map trace init init_from_api_key init_from_config init_in_cluster init_passthrough
    load_interactive_ctx load_plugin_config logger system_logger rerun run run_python_script serve
    with_runcontext with_servecontext
"""
_MODULES = """
    app ai artifacts cli clustered config connectors durable errors extend extras git io models
    notify prefetch remote report sandbox storage syncify types
"""

FLYTE_2 = frozenset(_NAMES.split())
"""The `__all__` of the Flyte 2 SDK."""

FLYTE_2_MODULES = frozenset(_MODULES.split())

NAMES_OF_MODULES = {
    "config": "Config auto get_config_file set_if_exists PlatformConfig TaskConfig ImageConfig LocalConfig",
    "durable": "now sleep time",
    "errors": """
        ActionAbortedError ActionNotFoundError BaseRuntimeError CodeBundleError ConditionAlreadyExistsError
        ConditionFailedError ConditionNotFoundError ConditionTimedoutError CustomError DeploymentError
        ImageBuildError ImagePullBackOffError InitializationError InlineIOMaxBytesBreached
        InvalidImageNameError InvalidPackageError LogsNotYetAvailableError ModuleLoadError
        NonRecoverableError NotInTaskContextError OOMError OnlyAsyncIOSupportedError
        ParameterMaterializationError PrimaryContainerNotFoundError RemoteTaskNotFoundError
        RemoteTaskUsageError RestrictedTypeError RetriesExhaustedError RuntimeDataValidationError
        RuntimeSystemError RuntimeUnknownError RuntimeUserError SlowDownError TaskInterruptedError
        TaskTimeoutError TraceDoesNotAllowNestedTasksError UnionRpcError silence_polling_error
    """,
    "git": "GitStatus config_from_root",
    "io": "PARQUET DataFrame Dir EmptyDir File HashFunction",
    "models": """
        ActionID ActionPhase CheckpointPaths CodeBundle Docstring GroupData MAX_INLINE_IO_BYTES
        NULL_TASK_CONTEXT NativeInterface PathRewrite RawDataPath SerializationContext TaskContext
        extract_return_annotation generate_random_name literal_to_enum
    """,
    "notify": "Email Slack Teams Webhook NamedRule NamedDelivery",
    "remote": """
        Action ActionDetails ActionInputs ActionOutputs App Artifact Condition Project Run RunDetails Secret
        SecretTypes Settings Task TaskDetails TimeFilter Trigger User auth_metadata upload_dir upload_file
    """,
    "report": """
        Report Tab Timeline abbreviate current_report duration_ms flush get_tab log replace
    """,
    "storage": """
        ABFS GCS S3 Storage exists exists_sync get get_configured_fsspec_kwargs get_random_local_directory
        get_random_local_path get_stream get_underlying_filesystem is_remote join open put put_stream
    """,
    "syncify": "syncify",
}
"""What Flyte's users know of the modules that are here."""


def rows_under(heading: str) -> dict[str, str]:
    """The names in the first column of a section's table, each with what stands beside it."""
    section = README.read_text().split(f"\n### {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    found = {}
    for first, reason in re.findall(r"^\| (`.+?) \| (.+?) \|$", section, re.M):
        for name in re.findall(r"`([\w.]+)`", first):
            found[name] = reason
    return found


def test_a_name_of_flyte_is_public_here_or_left_out_with_a_reason() -> None:
    left_out = rows_under("Names that are left out")
    assert all(left_out.values())
    assert set(left_out) == FLYTE_2 - set(flyte.__all__)


def test_a_public_name_is_one_of_flyte_or_added_with_a_reason() -> None:
    added = rows_under("Names that are added")
    assert all(added.values())
    assert set(added) == set(flyte.__all__) - FLYTE_2


def test_a_module_of_flyte_is_there_or_left_out_with_a_reason() -> None:
    left_out = rows_under("Modules that are left out")
    assert set(left_out) == FLYTE_2_MODULES - set(NAMES_OF_MODULES)
    for name in FLYTE_2_MODULES:
        assert (importlib.util.find_spec(f"flyte.{name}") is None) == (name in left_out)


@pytest.mark.parametrize("module", NAMES_OF_MODULES)
def test_a_name_of_a_module_is_there_or_left_out_with_a_reason(module: str) -> None:
    there = importlib.import_module(f"flyte.{module}")
    left_out = {
        name for name in rows_under("Names of modules that are left out") if name.startswith(f"{module}.")
    }
    wanted = set(NAMES_OF_MODULES[module].split())
    assert {f"{module}.{name}" for name in wanted - set(there.__all__)} == left_out
    for name in there.__all__:
        assert getattr(there, name) is not None


def test_modules_come_with_their_first_use() -> None:
    for module in NAMES_OF_MODULES:
        assert getattr(flyte, module) is importlib.import_module(f"flyte.{module}")
        assert module in dir(flyte)


def test_the_public_names_are_sorted() -> None:
    assert flyte.__all__ == sorted(flyte.__all__)
