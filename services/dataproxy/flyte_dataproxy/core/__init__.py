"""What needs no clock and no disk: the names of objects, and the signatures on their URLs."""
