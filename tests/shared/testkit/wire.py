"""A value on its way between two tasks: into a literal, through the wire's own JSON, and out again."""

from typing import Any

import orjson

from flyte._runtime import convert
from flyte._runtime.interface import native_interface
from flyte_schemas.literals import InlineLiteral


def over_the_wire(annotation: Any, value: Any) -> Any:
    """`value` as an input of this type, as the called task gets it. Raises TypeError when it does not fit."""

    def task(x) -> None: ...  # type: ignore[no-untyped-def]

    task.__annotations__["x"] = annotation
    interface = native_interface(task, "env.task")
    literals = convert.inputs_to_wire(interface, {"x": value})
    sent = orjson.dumps({name: literal.model_dump() for name, literal in literals.items()})
    received = {name: InlineLiteral.model_validate(item) for name, item in orjson.loads(sent).items()}
    return convert.inputs_from_wire(interface, received)["x"]
