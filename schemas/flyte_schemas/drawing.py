"""The life of an action as a diagram, drawn from the table itself so that it cannot be out of date."""

from flyte_schemas.action import TRANSITIONS
from flyte_schemas.phase import ActionPhase


def draw() -> str:
    """`TRANSITIONS` as a mermaid state diagram: one arrow from phase to phase, with the events that take it.

    The lines end without a line break after the last.
    """
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, event), after in TRANSITIONS.items():
        start = "[*]" if before is None else str(before)
        arrows.setdefault((start, str(after)), []).append(event.__name__)
    lines = [f"    {start} --> {end}: {', '.join(events)}" for (start, end), events in arrows.items()]
    reached = set(TRANSITIONS.values())
    lines += [f"    {phase} --> [*]" for phase in ActionPhase if phase in reached and phase.is_terminal]
    return "\n".join(["stateDiagram-v2", *lines])
