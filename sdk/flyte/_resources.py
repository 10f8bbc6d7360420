"""What a task asks of the machine."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flyte._devices import Device, parse_device

if TYPE_CHECKING:
    from flyte_schemas.task import Resources as WireResources

_Amount = int | float | str
_QUANTITY = r"\d+(\.\d*)?([eE][+-]?\d+|[EPTGMk]|[EPTGMK]i|m|u|n)?|\.\d+([EPTGMk]|[EPTGMK]i|m)?"
"""A quantity as Kubernetes reads it, without a sign."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Amounts as Kubernetes writes them: `Resources(cpu="500m", memory="2Gi", gpu="T4:1")`.

    `cpu` and `memory` may be a pair (request, limit); `gpu` a number, `MODEL:NUMBER` or a `Device`; `shm` an
    amount or "auto". Raises TypeError and ValueError for what is no amount.
    """

    cpu: _Amount | tuple[_Amount, _Amount] | None = None
    memory: str | tuple[str, str] | None = None
    gpu: int | str | Device | None = None
    disk: str | None = None
    shm: str | None = None

    def __post_init__(self) -> None:
        for name in ("cpu", "memory"):
            _check_pair(name, getattr(self, name))
        for name in ("disk", "shm"):
            _check(name, getattr(self, name))
        self.get_device()

    def get_device(self) -> Device | None:
        """The devices that `gpu` asks for; None without any."""
        return None if self.gpu in (None, 0, "0") else parse_device(self.gpu)

    def get_shared_memory(self) -> str | None:
        """The shared memory: an amount, "" for as much as there is ("auto"), or None."""
        return "" if self.shm == "auto" else self.shm

    def to_wire(self) -> "WireResources":
        from flyte_schemas.task import Resources as WireResources

        cpu, cpu_limit = _pair(self.cpu)
        memory, memory_limit = _pair(self.memory)
        device = self.get_device()
        return WireResources(
            cpu=cpu,
            cpu_limit=cpu_limit,
            memory=memory,
            memory_limit=memory_limit,
            gpu=None if self.gpu is None else str(self.gpu),
            accelerator=device.to_wire() if device else None,
            disk=self.disk,
            shm=self.shm,
        )


def _pair(value: _Amount | tuple[_Amount, _Amount] | None) -> tuple[str | None, str | None]:
    if value is None:
        return None, None
    if isinstance(value, tuple):
        return str(value[0]), str(value[1])
    return str(value), None


def _check_pair(name: str, value: object) -> None:
    if not isinstance(value, tuple):
        return _check(name, value)
    if len(value) != 2:
        raise ValueError(f"{name} is one amount or a pair (request, limit), not {value!r}")
    for part in value:
        _check(name, part)
    return None


def _check(name: str, value: object) -> None:
    wanted: tuple[type, ...] = (int, float, str) if name == "cpu" else (str,)
    if value is None:
        return
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise TypeError(f"{name} must be {' or '.join(kind.__name__ for kind in wanted)}, not {value!r}")
    if (isinstance(value, int | float) and value < 0) or str(value).startswith("-"):
        raise ValueError(f"{name} must not be negative, got {value!r}")
    if not (re.fullmatch(_QUANTITY, str(value)) or (name == "shm" and value == "auto")):
        raise ValueError(f"{name} {value!r} is no amount: write e.g. {'500m' if name == 'cpu' else '2Gi'}")
