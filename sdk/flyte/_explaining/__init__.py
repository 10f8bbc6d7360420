"""Why something failed, or what it waits for: from what the log says alone, as values and as text.

All of it is pure: what is not in the run's own events (templates, the time, who else waits) is an argument.
"""
