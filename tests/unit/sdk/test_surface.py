"""The public names are those that Flyte's users know; docs/surface.md gives each difference its reason."""

import importlib.util
import re
from pathlib import Path

import flyte

SURFACE = Path(__file__).parents[3] / "docs" / "surface.md"

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


def rows_under(heading: str) -> dict[str, str]:
    """The names in the first column of a section's table, each with what stands beside it."""
    section = SURFACE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = {}
    for first, reason in re.findall(r"^\| (`.+?) \| (.+?) \|$", section, re.M):
        for name in re.findall(r"`(\w+)`", first):
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
    left_out = rows_under("Modules")
    assert set(left_out) == {
        name for name in FLYTE_2_MODULES if importlib.util.find_spec(f"flyte.{name}") is None
    }


def test_the_public_names_are_sorted() -> None:
    assert flyte.__all__ == sorted(flyte.__all__)
