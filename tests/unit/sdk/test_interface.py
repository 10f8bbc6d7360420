"""What a signature becomes."""

from dataclasses import dataclass
from typing import Any, Literal, Optional

import pytest

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


def test_a_parameter_without_annotation_is_named() -> None:
    with pytest.raises(TypeError, match=r"parameter 'y' of task '<lambda>' has no type annotation"):
        check_signature(lambda y: y)


def test_a_type_that_cannot_travel_is_named_with_its_parameter() -> None:
    class Opaque: ...

    def task(thing: Opaque) -> None: ...

    task.__annotations__["thing"] = Opaque
    with pytest.raises(TypeError, match=r"the type Opaque of 'thing' in task env\.task"):
        native_interface(task, "env.task")


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
    assert parse_docstring(None).parameters == {}
