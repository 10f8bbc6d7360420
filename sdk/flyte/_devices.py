"""Accelerators: so many devices of one kind, made by `GPU`, `TPU`, `Neuron`, `AMD_GPU`, `HABANA_GAUDI`."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from flyte._binding import did_you_mean

if TYPE_CHECKING:
    from flyte_schemas.task import Accelerator

DeviceClass = Literal["GPU", "TPU", "NEURON", "AMD_GPU", "HABANA_GAUDI"]

MAX_DEVICES = 8
"""Of one machine."""

_GPUS = (
    "A10",
    "A10G",
    "A100",
    "A100 80G",
    "B200",
    "GB10",
    "H100",
    "H200",
    "L4",
    "L40s",
    "RTX PRO 6000",
    "T4",
    "V100",
)
_OTHERS: tuple[tuple[str, DeviceClass], ...] = (
    (r"V\d\w*", "TPU"),
    (r"(Inf|Trn)\d\w*", "NEURON"),
    (r"MI\d{3}\w*", "AMD_GPU"),
    (r"Gaudi\d?", "HABANA_GAUDI"),
)
_GPU_PART = r"\d+g\.\d+gb"
_TOPOLOGY = r"\d+x\d+(x\d+)?"


@dataclass(frozen=True, slots=True)
class Device:
    """`quantity` devices of `device_class`; `device` None is any model, `partition` a part or a topology.

    Raises TypeError and ValueError.
    """

    quantity: int
    device_class: DeviceClass
    device: str | None = None
    partition: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.quantity, bool) or not isinstance(self.quantity, int):
            raise TypeError(f"the quantity of devices is a whole number, not {self.quantity!r}")
        if self.quantity < 1:
            raise ValueError(f"the quantity of devices is at least 1, not {self.quantity}")
        if self.device_class not in get_args(DeviceClass):
            raise ValueError(f"unknown device class {self.device_class!r}: use {', '.join(_classes())}")

    def __str__(self) -> str:
        return f"{self.device}:{self.quantity}" if self.device else str(self.quantity)

    def to_wire(self) -> "Accelerator":
        from flyte_schemas.task import Accelerator

        return Accelerator(
            device_class=self.device_class,
            device=self.device,
            quantity=self.quantity,
            partition=self.partition,
        )


def GPU(device: str, quantity: int, partition: str | None = None) -> Device:
    """`quantity` (1 to 8) GPUs, e.g. `GPU("A100", 1, "1g.5gb")`. Raises ValueError for an unknown one."""
    if device not in _GPUS:
        raise ValueError(f"unknown GPU {device!r}{did_you_mean(str(device), list(_GPUS))}")
    _check_quantity(device, quantity)
    _check_partition(partition, _GPU_PART, "1g.5gb")
    return Device(quantity, "GPU", device, partition)


def TPU(device: str, partition: str | None = None) -> Device:
    """A TPU slice, e.g. `TPU("V5P", "2x2x1")`. Raises ValueError."""
    _check_partition(partition, _TOPOLOGY, "2x2x1")
    return Device(1, "TPU", _named("TPU", device), partition)


def Neuron(device: str) -> Device:
    """An AWS Neuron device, e.g. `Neuron("Trn1")`. Raises ValueError."""
    return Device(1, "NEURON", _named("Neuron device", device))


def AMD_GPU(device: str) -> Device:
    """An AMD GPU, e.g. `AMD_GPU("MI300X")`. Raises ValueError."""
    return Device(1, "AMD_GPU", _named("AMD GPU", device))


def HABANA_GAUDI(device: str) -> Device:
    """An Intel Gaudi, e.g. `HABANA_GAUDI("Gaudi2")`. Raises ValueError."""
    return Device(1, "HABANA_GAUDI", _named("Gaudi", device))


def parse_device(gpu: int | str | Device) -> Device:
    """What `Resources(gpu=…)` means: a number, a number as text, or `MODEL:NUMBER`.

    Raises TypeError and ValueError.
    """
    if isinstance(gpu, Device):
        return gpu
    if isinstance(gpu, bool) or not isinstance(gpu, int | str):
        raise TypeError(f"gpu is a number, 'MODEL:NUMBER' or a Device, not {gpu!r}")
    name, colon, number = str(gpu).rpartition(":")
    if not re.fullmatch(r"-?\d+", number.strip()) or (colon and not name):
        raise ValueError(f"gpu {gpu!r} is neither a number nor 'MODEL:NUMBER', like 'T4:1'")
    quantity = int(number)
    if not name:
        return Device(quantity, "GPU")
    for pattern, kind in _OTHERS:
        if name not in _GPUS and re.fullmatch(pattern, name, re.IGNORECASE):
            return Device(quantity, kind, name)
    return GPU(name, quantity)


def _named(what: str, device: str) -> str:
    if not isinstance(device, str) or not device:
        raise ValueError(f"a {what} is named by a model, not {device!r}")
    return device


def _check_quantity(device: str, quantity: int) -> None:
    if isinstance(quantity, int) and not 1 <= quantity <= MAX_DEVICES:
        raise ValueError(f"the quantity of {device} is from 1 to {MAX_DEVICES}, not {quantity}")


def _check_partition(partition: str | None, pattern: str, example: str) -> None:
    if partition is not None and not re.fullmatch(pattern, partition):
        raise ValueError(f"partition {partition!r} is not understood: write e.g. {example!r}")


def _classes() -> tuple[str, ...]:
    return get_args(DeviceClass)
