"""How much is measured of each system, and how long anything may take."""

CALLS = 300
"""Children and steps in turn, in each round."""
ROUNDS = 3
BUDGET_S = 30.0
"""A figure whose rounds took so long gets no further one."""
PROGRAM_LIMIT_S = 600.0
"""For all figures of one peer."""
COMMAND_LIMIT_S = 60.0
COMMANDS = 5
"""How often `--help` and an import are timed."""
