"""How far times may lie, and how long anything may be told to take, so that they can be added.

What overflows when it is added to a time would end whoever reads it, again after each restart.
"""

from datetime import UTC, datetime

LONGEST_S = 1e11
"""3,000 years."""
EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
"""It has a date in every zone."""
LATEST = datetime(6000, 1, 1, tzinfo=UTC)
"""It is still a time `LONGEST_S` later."""
