"""Arguments to inputs: what a call gives, matched with what the signature wants."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyte._runtime.interface import NativeInterface


def bind(interface: "NativeInterface", args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a call by name, in the order of the signature, defaults filled in.

    Raises ValueError for too many positional arguments, and for doubled, unknown or missing ones.
    """
    names = list(interface.inputs)
    if len(args) > len(names):
        raise ValueError(
            f"Too many positional arguments provided: {interface.task} takes {len(names)}, got {len(args)}"
        )
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name in given:
            raise ValueError(f"Input {name!r} of {interface.task} is given twice")
        if name not in interface.inputs:
            raise ValueError(unknown_input(name, interface.task, names))
        given[name] = value
    missing = [
        name for name, parameter in interface.inputs.items() if parameter.required and name not in given
    ]
    if missing:
        raise ValueError(f"Missing required inputs: {', '.join(missing)}")
    return {name: given.get(name, parameter.default) for name, parameter in interface.inputs.items()}


def unknown_input(name: str, task: str, names: list[str]) -> str:
    """One sentence on an input that does not exist, with the nearest that does."""
    return f"{task} has no input {name!r}{did_you_mean(name, names)}"


def did_you_mean(name: str, known: list[str]) -> str:
    """The nearest known names as the end of a sentence: `: did you mean 'x'?`, or what there is."""
    import difflib

    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return ": did you mean " + " or ".join(repr(item) for item in near) + "?"
    if not known:
        return ": there are none"
    return ": there " + ("is " if len(known) == 1 else "are ") + ", ".join(repr(item) for item in known[:20])
