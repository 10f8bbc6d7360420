"""Inputs as a user types them: what each type takes, and what is said of the rest."""

import datetime
import enum
import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from flyte._cli import schema_values, values
from flyte._cli.inputs import BadInputs, help_text, parse_inputs, specs_of, specs_of_wire
from flyte._runtime import convert
from flyte._runtime.interface import native_interface, wire_interface


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


@dataclass
class Item:
    name: str
    price: float = 0.0
    when: datetime.datetime | None = None


class Model(BaseModel):
    item: Item


def interface_of(annotation: Any) -> Any:
    def task(x) -> None: ...

    task.__annotations__["x"] = annotation
    return native_interface(task, "env.task")


def given(annotation: Any, *tokens: str) -> Any:
    return parse_inputs(specs_of(interface_of(annotation)), tokens)["x"]


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "3.5"),
        (int, "three"),
        (float, "x"),
        (list[int], "1"),
        (list[int], "a"),
        (list[int], '["a"]'),
        (dict[str, int], "[]"),
        (Item, "{}"),
        (Item, "missing.json"),
        (datetime.datetime, "soon"),
        (date, "2024-13-01"),
        (timedelta, "a while"),
        (Color, "GREEN"),
        (Literal["a"], "b"),
        (int | None, "none"),
        (bool | None, "maybe"),
    ],
)
def test_text_that_does_not_fit_is_told_with_name_type_and_value(annotation: Any, text: str) -> None:
    with pytest.raises(BadInputs) as caught:
        given(annotation, "--x", text)
    assert str(caught.value).startswith(f"input --x: expected {values.expected(annotation)}, got {text!r}: ")


def test_parts_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "item.json").write_text('{"name": "a"}')
    (tmp_path / "item.yaml").write_text("name: a\nprice: 1.5")
    (tmp_path / "bad.json").write_text("{")
    assert given(Item, "--x", str(tmp_path / "item.json")) == Item("a")
    assert given(Item, "--x", str(tmp_path / "item.yaml")) == Item("a", 1.5)
    for name, message in (("bad.json", "is not JSON"), ("none.json", "cannot be read")):
        with pytest.raises(BadInputs, match=message):
            given(Item, "--x", str(tmp_path / name))


def example(name: str, batch_size: int, project: str = "p", dry: bool = True) -> None:
    """Do it.

    Args:
        name: Whose.
    """


SPECS = specs_of(native_interface(example, "env.example"))


def test_names_may_be_written_with_dashes_and_be_those_of_options() -> None:
    found = parse_inputs(SPECS, ["--batch-size", "3", "--name", "--x", "--project=q", "--no-dry"])
    assert found == {"batch_size": 3, "name": "--x", "project": "q", "dry": False}


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], r"missing required inputs: --name \(str\), --batch_size \(int\)"),
        (["--name", "a"], r"missing required input: --batch_size \(int\)"),
        (["--nam", "a"], r"there is no input --nam: did you mean '--name'"),
        (["a"], r"unexpected 'a': inputs are given by name"),
        (["--name"], r"input --name \(str\) needs a value"),
        (["--name", "--batch_size", "3"], r"input --name \(str\) needs a value"),
        (["--name", "a", "--name", "b"], r"input --name is given twice"),
        (["--no-dry=true"], r"--no-dry takes no value"),
    ],
)
def test_inputs_that_do_not_fit_the_task_are_told(tokens: list[str], message: str) -> None:
    with pytest.raises(BadInputs, match=message):
        parse_inputs(SPECS, tokens)


def test_the_help_lists_types_defaults_and_descriptions() -> None:
    assert help_text("flyte run f.py example", "Do it.", SPECS).splitlines() == [
        "Usage: flyte run f.py example [INPUTS]",
        "",
        "  Do it.",
        "",
        "Inputs:",
        "  --name str        Whose. [required]",
        "  --batch_size int  [required]",
        '  --project str     [default: "p"]',
        "  --dry/--no-dry    [default: true]",
    ]


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "3"),
        (float, "3.5"),
        (str, "3"),
        (list[int], "[1, 2]"),
        (Item, '{"name": "a"}'),
        (Item | None, '{"name": "a"}'),
        (int | str, "3"),
        (int | str, "x"),
        (Literal["a", "b"], "b"),
        (Color, "red"),
        (Any, "[1]"),
        (datetime.datetime, "2024-01-02T03:04:05"),
    ],
)
def test_a_deployed_task_takes_the_same_text_as_json(annotation: Any, text: str) -> None:
    wire = wire_interface(interface_of(annotation))
    sent = parse_inputs(specs_of_wire(wire), ["--x", text])["x"]
    native = convert.from_json(interface_of(annotation).inputs["x"], json.loads(json.dumps(sent)))
    assert native == given(annotation, "--x", text)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer"}, "x"),
        ({"type": "array"}, "{}"),
        ({"enum": ["a"]}, "b"),
        ({"type": "string", "format": "date-time"}, "soon"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "none"),
    ],
)
def test_a_deployed_task_refuses_what_its_schema_refuses(schema: dict[str, Any], text: str) -> None:
    with pytest.raises(values.BadText):
        schema_values.parse(schema, text)
