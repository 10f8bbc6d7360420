"""A task's inputs as command-line options: `--x 3 --flag --no-other`, and the help that lists them.

Everything after the task's name is an input, so a task may have inputs called `name` or `project`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flyte._binding import did_you_mean
from flyte._cli import schema_values, values
from flyte._cli.times import BadText
from flyte._runtime import wire_json
from flyte._runtime.codecs.pickles import PICKLE
from flyte._runtime.interface import NativeInterface, NativeParameter

if TYPE_CHECKING:
    from flyte_schemas.task import Interface, Parameter

HELP = ("--help", "-h")


class BadInputs(ValueError):
    """The inputs on the command line do not fit the task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One input as an option: `parse` takes its text; a flag takes none; `absent` stands for no mention."""

    name: str
    type_text: str
    parse: Callable[[str], Any]
    required: bool
    is_flag: bool
    default_text: str | None
    description: str
    absent: dict[str, Any]

    @property
    def option(self) -> str:
        return f"--{self.name}"


def specs_of(interface: NativeInterface) -> list[InputSpec]:
    """The options of a task whose Python types are at hand."""
    return [_native(parameter) for parameter in interface.inputs.values()]


def specs_of_wire(interface: "Interface") -> list[InputSpec]:
    """The options of a task that is known by its template only; values are JSON data."""
    return [_wire(parameter) for parameter in interface.inputs]


def parse_inputs(specs: Sequence[InputSpec], tokens: Sequence[str]) -> dict[str, Any]:
    """The inputs that `tokens` give, by name; defaults are left to the task.

    Raises BadInputs naming the option, the type and the value.
    """
    known = {spec.name: spec for spec in specs}
    given: dict[str, Any] = {}
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        if not token.startswith("--"):
            raise BadInputs(f"unexpected {token!r}: inputs are given by name, as --name value")
        name, equals, text = token[2:].partition("=")
        spec, negated = _find(known, name)
        if spec is None:
            options = [item.option for item in specs]
            raise BadInputs(f"there is no input --{name}{did_you_mean(f'--{name}', options)}")
        if spec.name in given:
            raise BadInputs(f"input {spec.option} is given twice (a list is given as JSON)")
        given[spec.name] = _value(spec, negated, text if equals else None, rest, known)
    missing = [spec for spec in specs if spec.required and spec.name not in given]
    if missing:
        named = ", ".join(f"{spec.option} ({spec.type_text})" for spec in missing)
        raise BadInputs(f"missing required input{'s' if len(missing) > 1 else ''}: {named}")
    for spec in specs:
        if spec.name not in given:
            given.update(spec.absent)
    return given


def help_text(usage: str, summary: str, specs: Sequence[InputSpec]) -> str:
    """The help of one task."""
    lines = [f"Usage: {usage}" + (" [INPUTS]" if specs else ""), ""]
    if summary:
        lines += [*(f"  {line}".rstrip() for line in summary.splitlines()), ""]
    if not specs:
        return "\n".join([*lines, "This task has no inputs."])
    lines.append("Inputs:")
    heads = [
        f"--{spec.name}/--no-{spec.name}" if spec.is_flag else f"{spec.option} {spec.type_text}"
        for spec in specs
    ]
    width = min(max(map(len, heads)), 40)
    for spec, head in zip(specs, heads, strict=True):
        default = f"[default: {spec.default_text}]" if spec.default_text is not None else ""
        about = " ".join(filter(None, [spec.description, "[required]" if spec.required else default]))
        lines.append(f"  {head:<{width}}  {about}".rstrip())
    return "\n".join(lines)


def _find(known: dict[str, InputSpec], name: str) -> tuple[InputSpec | None, bool]:
    plain = name.replace("-", "_")
    for candidate in (name, plain):
        if candidate in known:
            return known[candidate], False
    negated = plain.removeprefix("no_")
    if negated != plain and negated in known and known[negated].is_flag:
        return known[negated], True
    return None, False


def _value(
    spec: InputSpec, negated: bool, text: str | None, rest: list[str], known: dict[str, InputSpec]
) -> Any:
    if spec.is_flag and text is None:
        follows = rest[0].lower() if rest else ""
        if negated or follows not in ("true", "false"):
            return not negated
        text = rest.pop(0)
    if negated:
        raise BadInputs(f"--no-{spec.name} takes no value")
    if text is None:
        if not rest or (rest[0].startswith("--") and _find(known, rest[0][2:].partition("=")[0])[0]):
            raise BadInputs(f"input {spec.option} ({spec.type_text}) needs a value")
        text = rest.pop(0)
    try:
        return spec.parse(text)
    except BadText as error:
        raise BadInputs(f"input {spec.option}: expected {spec.type_text}, got {text!r}: {error}") from error


def _native(parameter: NativeParameter) -> InputSpec:
    annotation = parameter.annotation
    is_flag = annotation is bool
    absent: dict[str, Any] = {}
    if parameter.required and is_flag:
        absent = {parameter.name: False}
    elif parameter.required and values.is_optional(annotation):
        absent = {parameter.name: None}
    return InputSpec(
        name=parameter.name,
        type_text=values.expected(annotation),
        parse=lambda text: values.parse(annotation, text),
        required=parameter.required and not absent,
        is_flag=is_flag,
        default_text=None if parameter.required else values.shown_default(parameter.default),
        description=parameter.description,
        absent=absent,
    )


def _wire(parameter: "Parameter") -> InputSpec:
    schema = parameter.json_schema
    is_flag = schema.get("type") == "boolean"
    absent: dict[str, Any] = {}
    if parameter.required and is_flag:
        absent = {parameter.name: False}
    elif parameter.required and schema_values.is_optional(schema):
        absent = {parameter.name: None}
    return InputSpec(
        name=parameter.name,
        type_text=_type_text(parameter),
        parse=lambda text: wire_json.wrap(schema_values.parse(schema, text)),
        required=parameter.required and not absent,
        is_flag=is_flag,
        default_text=None if parameter.required else _shown(wire_json.unwrap(parameter.default)),
        description=parameter.description,
        absent=absent,
    )


def _type_text(parameter: "Parameter") -> str:
    """The type as it was annotated, with the names of an enum's members."""
    names = schema_values.member_names(parameter.json_schema)
    return f"{parameter.annotation} ({', '.join(names)})" if names else parameter.annotation


def _shown(default: Any) -> str:
    """A default that is known as JSON."""
    return "an object" if isinstance(default, dict) and PICKLE in default else values.shown_default(default)
