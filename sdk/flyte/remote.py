"""What is on the stack already, by name: runs.

Loaded when it is first used: it brings the network client with it.
"""

from flyte._client.runs import Run

__all__ = ["Run"]
