"""A Kubernetes API server and a node for tests only: as much of both as a backend for pods meets."""
