"""Inputs and outputs of an action as Python values, by the task's own types or by its template."""

import sys
from collections.abc import Mapping
from typing import Any

from flyte._outputs import ActionOutputs
from flyte._runtime import convert, wire_json
from flyte._runtime.described import described_interface
from flyte._runtime.interface import NativeInterface
from flyte._runtime.offload import restore
from flyte._runtime.transfer import Artifacts
from flyte.io._threads import aside
from flyte_bus.history import find_task
from flyte_bus.ports import Bus
from flyte_schemas.literals import AnyLiteral
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import TaskReference


class Values:
    """Reads the values of one run's actions; `interface` is that of the task when it is at hand."""

    def __init__(self, bus: Bus, run: RunKey, interface: NativeInterface | None = None) -> None:
        self._bus = bus
        self._run = run
        self._interface = interface

    async def inputs(self, task: TaskReference | None, literals: Mapping[str, AnyLiteral]) -> dict[str, Any]:
        """By name, defaults not filled in. Raises the errors of the bus and of the artifact store."""
        values = await self._fetched(literals)
        interface = await self._interface_of(task)
        if interface is None:
            return {name: wire_json.unwrap(convert.inline_value(value)) for name, value in values.items()}
        known = {name: value for name, value in values.items() if name in interface.inputs}

        def read() -> dict[str, Any]:
            return {
                name: convert.from_json(interface.inputs[name], convert.inline_value(value))
                for name, value in known.items()
            }

        return await aside(read)  # a table is fetched while it is read

    async def outputs(self, task: TaskReference | None, literals: Mapping[str, AnyLiteral]) -> ActionOutputs:
        """In order. Raises the errors of the bus and of the artifact store."""
        values = await self._fetched(literals)
        interface = await self._interface_of(task)
        if interface is None or {parameter.name for parameter in interface.outputs} != set(values):
            plain = [
                wire_json.unwrap(convert.inline_value(values[name])) for name in sorted(values, key=_place)
            ]
            return ActionOutputs(plain or [None], tuple(sorted(values, key=_place)))
        returned = await aside(convert.outputs_from_wire, interface, values)
        return ActionOutputs.of(returned, interface)

    async def plain(self, literals: Mapping[str, AnyLiteral]) -> dict[str, Any]:
        """By name, as the JSON data that travels."""
        fetched = await self._fetched(literals, payloads=False)
        return {name: convert.inline_value(fetched[name]) for name in sorted(fetched, key=_place)}

    async def _fetched(
        self, literals: Mapping[str, AnyLiteral], *, payloads: bool = True
    ) -> Mapping[str, AnyLiteral]:
        store = Artifacts(self._bus.ask, self._run.project, self._run.domain)
        return await restore(literals, store, payloads=payloads)

    async def _interface_of(self, task: TaskReference | None) -> NativeInterface | None:
        if self._interface is not None:
            return self._interface
        if task is None:
            return None
        template = await find_task(self._bus.log, self._run.project, self._run.domain, task)
        return described_interface(template) if template is not None else None


def _place(name: str) -> tuple[int, str]:
    return (int(name[1:]), name) if name[1:].isdigit() else (sys.maxsize, name)
