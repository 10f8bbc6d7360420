"""What a run takes over from an earlier one, as its user wants it."""

from collections.abc import Collection

from flyte_schemas.subjects import ROOT_ACTION
from flyte_schemas.words import Name, Word


class Recovery(Word):
    """What a run takes over from an earlier one of its project and domain: results, by the names of actions.

    This run's root repeats `action` of that run; its children, and their steps, are named as `root`'s.
    `again` are actions that run again with all below them, `on_the_way` those that must run for that.
    """

    run: Name
    action: Name = ROOT_ACTION
    root: Name = ROOT_ACTION
    again: tuple[Name, ...] = ()
    on_the_way: tuple[Name, ...] = ()
    allow_missing_outputs: bool = False
    """Run an action again whose outputs are not in the artifact store any more; else it fails."""

    def forces(self, name: str, above: Collection[str]) -> bool:
        """Whether the user wants this action anew: itself, or one of those `above` it."""
        return not {name, *above}.isdisjoint(self.again)
