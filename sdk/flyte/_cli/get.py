"""`flyte get …`: what the log and the registry's read models show."""

import click

from flyte._cli.lazy import LazyGroup

COMMANDS = {
    "run": ("get_runs:get_run", "List runs, the newest first; or show one."),
    "action": ("get_actions:get_action", "List the actions of a run; or show one."),
    "logs": ("get_actions:get_logs", "Show what one action has printed."),
    "io": ("get_actions:get_io", "Show inputs and outputs of an action."),
    "task": ("get_tasks:get_task", "List tasks; or show all that was declared of one."),
    "project": ("get_settings:get_project", "List the projects; or show one."),
    "config": ("get_settings:get_config", "Show the configuration and its source."),
}
MISSING = {
    "app": "apps are not served",
    "artifact": "artifacts are not supported: `flyte get io RUN` shows what an action gave",
    "condition": "conditions are not supported",
    "devbox": "the stack of this machine is shown by `flyte status`",
    "secret": "there is no place for secrets; those that a task declares are shown by `flyte get task NAME`",
    "settings": "there are no settings of the platform: `flyte get config` shows the configuration",
    "trigger": "triggers are recorded only; those of a task are shown by `flyte get task NAME`",
}


@click.group(cls=LazyGroup, commands=COMMANDS, missing=MISSING, no_args_is_help=True)
def get() -> None:
    """Show runs, actions, tasks, projects and the configuration."""
