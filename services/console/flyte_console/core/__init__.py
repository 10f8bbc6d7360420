"""What the console makes of what it reads: pure."""
