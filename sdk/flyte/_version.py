"""The version of this SDK: that of the distribution it was installed from."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _installed

UNKNOWN = "0+unknown"
"""What it says of itself when it was not installed."""


def version() -> str:
    """The version, as `flyte --version` shows it."""
    try:
        return _installed("flytejet")
    except PackageNotFoundError:
        return UNKNOWN


__version__ = version()
