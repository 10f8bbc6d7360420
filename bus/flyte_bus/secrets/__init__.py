"""How secrets are sealed for the way over the bus, and encrypted where they are kept on a disk."""
