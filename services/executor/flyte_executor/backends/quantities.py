"""Amounts as Kubernetes writes them: `500m`, `2Gi`, `1e3`."""

import re
from fractions import Fraction

from flyte_executor.backends.port import LaunchFailed

_QUANTITY = re.compile(
    r"(\d{1,40}(?:\.\d{,40})?|\.\d{1,40})(?:([eE])([+-]?\d{1,2})|([numkMGTPE]?|[KMGTPE]i))", re.ASCII
)
_UNITS = {unit: Fraction(1000) ** power for power, unit in enumerate(("n", "u", "m", "", *"kMGTPE"), -3)}
_UNITS |= {f"{unit}i": Fraction(1024) ** power for power, unit in enumerate("KMGTPE", 1)}


def amount_of(text: str) -> Fraction:
    """The number that a quantity means. Raises LaunchFailed for what is none, or is negative."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise LaunchFailed(f"{text!r} is no amount that a container can be given")
    number, is_scientific, power, unit = found.groups()
    return Fraction(number) * (Fraction(10) ** int(power) if is_scientific else _UNITS[unit])
