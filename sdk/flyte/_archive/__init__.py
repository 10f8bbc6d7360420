"""A run as one file: a zip of JSON lines, chained by hashes, and of the objects that they refer to."""
