"""What the guard is called, and what it listens to; it has no settings of its own."""

SERVICE = "guard"
"""The service's name: of its endpoint, and of its connection."""
ASKED = "flyte.read.>"
"""All questions for a part of the log."""
