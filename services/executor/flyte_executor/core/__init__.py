"""The executor's decisions, as plain functions over what the log says."""
