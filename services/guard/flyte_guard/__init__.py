"""The guard: reads the log for those who may see a part of it, and only that part."""
