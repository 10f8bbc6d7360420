"""What the container of a task asks of its node, and what it may have at most."""

from collections.abc import Mapping
from typing import Any

from flyte_executor.backends.port import LaunchFailed
from flyte_executor.backends.quantities import amount_of
from flyte_schemas.task import Accelerator, Resources


def asked_and_limits(resources: Resources, devices: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """`requests` and `limits`: one amount is asked for and may be passed, a second one may not.

    Of devices both are the same. Raises LaunchFailed for what is no amount.
    """
    requests = {"cpu": resources.cpu, "memory": resources.memory, "ephemeral-storage": resources.disk}
    limits = {"cpu": resources.cpu_limit, "memory": resources.memory_limit}
    told = {"requests": _amounts(requests) | dict(devices), "limits": _amounts(limits) | dict(devices)}
    return {name: amounts for name, amounts in told.items() if amounts}


def _amounts(said: Mapping[str, str | None]) -> dict[str, str]:
    amounts = {name: text for name, text in said.items() if text}
    for text in amounts.values():
        amount_of(text)
    return amounts


def check_limits(requests: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
    """Raises LaunchFailed when less is allowed than is asked for."""
    for name in requests.keys() & limits.keys():
        if amount_of(str(requests[name])) > amount_of(str(limits[name])):
            raise LaunchFailed(
                f"the task asks for {name} {requests[name]}, and may have at most {limits[name]}: "
                "raise the limit"
            )


def device_of(resources: Resources) -> Accelerator | None:
    """The devices that are asked for. Raises LaunchFailed when `gpu` says something that is none."""
    if resources.accelerator is not None:
        return resources.accelerator
    gpu = resources.gpu or "0"
    if not (gpu.isascii() and gpu.isdecimal() and len(gpu) < 10):
        raise LaunchFailed(f"gpu {gpu!r} is no number of devices")
    return Accelerator(device_class="GPU", quantity=int(gpu)) if int(gpu) else None


def shared_memory(shm: str) -> dict[str, Any]:
    """The volume at /dev/shm; `auto`: as much as the container may have. Raises LaunchFailed."""
    if shm == "auto":
        return {"emptyDir": {"medium": "Memory"}}
    amount_of(shm)
    return {"emptyDir": {"medium": "Memory", "sizeLimit": shm}}
