"""The SDK as a client of the control plane: the only part of it that knows the bus."""
