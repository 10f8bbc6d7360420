"""Two runs held against each other: pure values in, what differs out."""
