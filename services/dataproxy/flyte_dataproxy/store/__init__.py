"""Where objects are kept: the port, and what fills it."""
