"""The scheduler's decisions: pure."""
