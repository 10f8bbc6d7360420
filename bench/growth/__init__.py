"""How rate and memory grow with the number of actions, and with the number of runs at a time."""
