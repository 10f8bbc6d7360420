"""Load ahead what a task's module is going to ask for: the SDK's parts load with their first use.

A process that forks runners does this once, and no runner has to. The names are looked up when it is done,
not imported here: the runtime does not know the parts of the SDK that declare tasks.
"""

import importlib

DECLARING = ("TaskEnvironment", "custom_context", "map", "trace")
"""With these comes all that a module with tasks usually needs; none of them brings the network client."""


def warm_up() -> None:
    """Load them. Nothing is configured by it: what reads the environment waits for its first use."""
    sdk = importlib.import_module("flyte")
    for name in DECLARING:
        getattr(sdk, name)
