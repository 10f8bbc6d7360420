"""What runs a task, wherever it runs: loading, converting, calling children, telling failures.

The agent's runner and the local mode are both built from these modules; none of them knows the bus.
"""
