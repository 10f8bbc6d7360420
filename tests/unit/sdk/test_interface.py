"""What a signature becomes."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Optional

import pytest

from flyte._runtime import convert
from flyte._runtime.context import ActionID, TaskContext, use
from flyte._runtime.docstring import parse_docstring
from flyte._runtime.interface import annotation_text, check_signature, native_interface, wire_interface


@dataclass
class Item:
    name: str


def example(count: int, items: list[Item], note: str | None = None, ratio: float = 1) -> tuple[str, int]:
    """Do the thing.

    It takes a while.

    Args:
        count: How many,
            at most.
        items (list): What.

    Returns:
        Nothing much.
    """
    return note or "", count


def test_an_interface_on_the_wire_says_names_types_defaults_and_descriptions() -> None:
    interface = wire_interface(native_interface(example, "env.example"))
    assert [(item.name, item.annotation, item.required, item.default) for item in interface.inputs] == [
        ("count", "int", True, None),
        ("items", "list[Item]", True, None),
        ("note", "str | None", False, None),
        ("ratio", "float", False, 1.0),
    ]
    assert interface.inputs[0].description == "How many, at most."
    assert interface.inputs[0].json_schema == {"type": "integer"}
    assert "$defs" in interface.inputs[1].json_schema
    assert [(item.name, item.annotation) for item in interface.outputs] == [("o0", "str"), ("o1", "int")]


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (None, "None"),
        (list[int], "list[int]"),
        (dict[str, list[Item]], "dict[str, list[Item]]"),
        (Optional[int], "int | None"),  # noqa: UP045
        (Literal["a", 2], "Literal['a', 2]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Any, "Any"),
    ],
)
def test_an_annotation_reads_as_python_writes_it(annotation: Any, text: str) -> None:
    assert annotation_text(annotation) == text


def test_star_arguments_cannot_be_inputs() -> None:
    def stars(*names: str) -> None: ...
    def double_stars(**names: str) -> None: ...

    for func in (stars, double_stars):
        with pytest.raises(ValueError, match="cannot be inputs"):
            check_signature(func)


def test_a_parameter_without_annotation_is_pickled_with_a_warning() -> None:
    with pytest.warns(
        UserWarning,
        match=r"Function <lambda> has parameter y without type annotation\. Data will be pickled\.",
    ):
        check_signature(lambda y: y)
    assert native_interface(lambda y: y, "env.task").inputs["y"].annotation is Any


def test_a_type_that_nothing_is_known_of_is_named_in_a_warning() -> None:
    class Opaque: ...

    def task(thing: Opaque) -> None: ...

    task.__annotations__["thing"] = Opaque
    with pytest.warns(UserWarning, match=r"'thing' of task env\.task has the type Opaque.*pickled"):
        interface = native_interface(task, "env.task")
    assert wire_interface(interface).inputs[0].annotation == "Opaque"


def test_a_running_task_does_not_warn_again() -> None:
    with use(TaskContext(action=ActionID(name="a0"))):
        check_signature(lambda y: y)


def test_a_tuple_of_one_output_is_refused_when_the_task_is_declared() -> None:
    def one() -> tuple[int]: ...
    def written() -> "tuple[int]": ...

    for func in (one, written):
        with pytest.raises(TypeError, match=r"returns tuple\[int\].*`-> int`"):
            check_signature(func)
    check_signature(lambda: ())


def test_the_outputs_of_a_named_tuple_have_its_names() -> None:
    class Stats(NamedTuple):
        mean: float
        count: int = 0

    def task(): ...

    task.__annotations__["return"] = Stats
    interface = native_interface(task, "env.task")
    assert [(item.name, item.type_name) for item in interface.outputs] == [
        ("mean", "float"),
        ("count", "int"),
    ]
    back = convert.outputs_from_wire(interface, convert.outputs_to_wire(interface, Stats(1.5, 2)))
    assert back == Stats(1.5, 2) and type(back) is Stats


def test_a_default_of_another_type_is_refused() -> None:
    def task(count: int = "three") -> None: ...  # type: ignore[assignment]

    with pytest.raises(TypeError, match="the default of 'count' in task env"):
        wire_interface(native_interface(task, "env.task"))


def test_none_as_default_makes_a_type_optional() -> None:
    def task(count: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    interface = wire_interface(native_interface(task, "env.task"))
    assert (interface.inputs[0].annotation, interface.inputs[0].required) == ("int | None", False)


def test_an_annotation_may_name_what_is_declared_later() -> None:
    def task(thing: "Later") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    globals()["Later"] = Item
    try:
        assert native_interface(task, "env.task").inputs["thing"].annotation is Item
    finally:
        del globals()["Later"]


def test_an_unknown_name_in_an_annotation_is_told() -> None:
    def task(thing: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TypeError, match="Nowhere"):
        native_interface(task, "env.task")


def test_a_docstring_of_either_style_is_read() -> None:
    docs = parse_docstring(example.__doc__)
    assert (docs.summary, docs.prose) == ("Do the thing.", "Do the thing.\n\nIt takes a while.")
    assert docs.parameters == {"count": "How many, at most.", "items": "What."}
    assert docs.returns == "Nothing much."
    sphinx = parse_docstring("Sum.\n\n:param x: one\n    and more\n:param int y: two\n:returns: three")
    assert sphinx.parameters == {"x": "one and more", "y": "two"}
    assert (sphinx.prose, sphinx.returns) == ("Sum.", "three")
    numpy = parse_docstring(
        "Sum.\n\nParameters\n----------\nx : int\n    one\n    and more\ny\n    two\n\n"
        "Returns\n-------\nint\n    three"
    )
    assert numpy.parameters == {"x": "one and more", "y": "two"}
    assert (numpy.prose, numpy.returns) == ("Sum.", "int three")
    assert parse_docstring(None).parameters == {}


def test_an_interface_answers_for_its_inputs() -> None:
    interface = native_interface(example, "env.example")
    assert interface.has_outputs()
    assert (interface.required_inputs(), interface.num_required_inputs()) == (["count", "items"], 2)
    assert interface.get_input_types()["items"] == list[Item]
    assert interface.convert_to_kwargs(1, note="n") == {"count": 1, "note": "n"}
    assert interface.json_schema["required"] == ["count", "items"]
    assert interface.json_schema["properties"]["count"] == {"type": "integer"}
    with pytest.raises(ValueError, match="Too many positional arguments"):
        interface.convert_to_kwargs(1, 2, 3, 4, 5)
