"""What the registry decides and what it remembers, as plain functions over values."""
