"""What to tell whom: pure."""
