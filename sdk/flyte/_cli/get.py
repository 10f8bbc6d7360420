"""`flyte get …`: what the log and the registry's read models show."""

import typer

from flyte._cli.lazy import LazyGroup

COMMANDS = {
    "run": ("get_runs:run", "List runs, the newest first; or show one."),
    "action": ("get_actions:action", "List the actions of a run; or show one."),
    "logs": ("get_logs:logs", "Show what one action has printed."),
    "events": ("get_events:events", "Show what has happened to a run, or to one of its actions."),
    "io": ("get_actions:io", "Show inputs and outputs of an action."),
    "condition": ("get_conditions:condition", "List the conditions of a run; or show one."),
    "report": ("get_report:report", "Show the HTML report that a task wrote."),
    "trigger": ("get_triggers:trigger", "List the triggers, of all tasks or one; or show one."),
    "task": ("get_tasks:task", "List tasks; or show all that was declared of one."),
    "notification": ("get_notifications:notification", "List who is told of what, and what nobody took."),
    "secret": ("get_secrets:secret", "List the secrets that runs can see; or show one, without its value."),
    "project": ("get_settings:project", "List the projects; or show one."),
    "config": ("get_settings:config", "Show the configuration and its source."),
}
MISSING = {
    "app": "apps are not served",
    "artifact": "artifacts are not supported: `flyte get io RUN` shows what an action gave",
    "devbox": "the stack of this machine is shown by `flyte status`",
    "settings": "there are no settings of the platform: `flyte get config` shows the configuration",
}


class GetGroup(LazyGroup):
    """What can be shown, and why the rest cannot."""

    places = COMMANDS
    missing = MISSING


app = typer.Typer(
    cls=GetGroup,
    help="Show runs, actions, tasks, triggers, secrets, projects and the configuration.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
