"""The alphabet of names, for whoever checks one: light enough to be loaded where nothing else is."""

import re

NAME_PATTERN = r"^[^\s.*>]{1,128}$"
"""One token of a NATS subject: no dots, wildcards or white space (the server splits subjects at dots)."""

TASK_NAME_PATTERN = r"^[^\s.*>]{1,128}\.[^\s.*>]{1,128}$"
"""A task's full name: environment, dot, function."""

ENVIRONMENT_PATTERN = r"^[a-z0-9]+([_-][a-z0-9]+)*$"

SECRETS_FOLDER_VARIABLE = "FLYTE_SECRETS_DIR"
"""Tells a task where the files of its secrets are."""


def is_name(text: str) -> bool:
    """Whether `text` can stand as one token of a subject."""
    return re.fullmatch(NAME_PATTERN.strip("^$"), text) is not None


def is_task_name(text: str) -> bool:
    """Whether `text` is a task's full name."""
    return re.fullmatch(TASK_NAME_PATTERN.strip("^$"), text) is not None
