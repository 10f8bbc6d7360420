"""Where attempts run: one port, one module for each kind of place."""
