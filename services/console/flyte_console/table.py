"""The routes of the console, put together."""

from flyte_console.actions import ActionAnswers
from flyte_console.answers.actions import ActionAnswer, Actions, ActionsChanged, ExplanationAnswer
from flyte_console.answers.parts import About, Code, Entered, Position, Visitor
from flyte_console.answers.runs import RunAnswer, Runs, RunsChanged
from flyte_console.answers.tasks import Projects, TaskFactsAnswer, Tasks, TaskVersions
from flyte_console.answers.words import Events, LinesPrinted, Logs
from flyte_console.changes import PlaceViews
from flyte_console.core.asks import MAX_TEXT_CHARACTERS, MAX_WHOLE, VERSION_PATTERN
from flyte_console.core.values import API
from flyte_console.general import GeneralAnswers
from flyte_console.routes import AnyRoute, BytesRoute, DoorRoute, JsonRoute, Parameter, StreamRoute
from flyte_console.runs import RunAnswers
from flyte_console.settings import ConsoleSettings
from flyte_console.tasks import TaskAnswers
from flyte_console.words import WordAnswers
from flyte_schemas.names import NAME_PATTERN, TASK_NAME_PATTERN
from flyte_schemas.phase import ActionPhase

PLACE = f"{API}/projects/{{project}}/domains/{{domain}}"
RUN = f"{PLACE}/runs/{{run}}"
SESSION = f"{API}/session"

_LIMITS = ConsoleSettings()
_TEXT = {"type": "string", "maxLength": MAX_TEXT_CHARACTERS}
_NAME = {"type": "string", "pattern": NAME_PATTERN}
_TASK = {"type": "string", "pattern": TASK_NAME_PATTERN}
_TIME = {"type": "string", "format": "date-time"}
_POSITION = {"type": "integer", "minimum": 0, "maximum": MAX_WHOLE}

AFTER = Parameter("after", "only what comes behind this position, an `as_of`", _POSITION)
FOLLOWED = Parameter(
    "after", "only what comes behind this position, an `as_of`; a `Last-Event-ID` wins", _POSITION
)
CURSOR = Parameter("cursor", "the `next` of the page before, with the same question", _TEXT)
SEARCH = Parameter("q", "with this text in the name, in whatever case", _TEXT)
ACTION = Parameter("action", "of this action", _NAME)
ATTEMPT = Parameter("attempt", "of this attempt, counted from 1", _POSITION)


def limit(most: int) -> Parameter:
    """How long a page is at most."""
    return Parameter("limit", "how many at most", {"type": "integer", "minimum": 1, "maximum": most})


def general_routes(answers: GeneralAnswers) -> tuple[AnyRoute, ...]:
    """What is asked before anything else."""
    return (
        JsonRoute(path="/api/openapi.json", summary="This document.", answer=answers.openapi),
        JsonRoute(
            path=f"{API}/about",
            summary="What answers here, and whether its bus does.",
            model=About,
            answer=answers.about,
        ),
        JsonRoute(
            path=SESSION,
            summary="Who is signed in, what they may look at, and until when.",
            model=Visitor,
            answer=answers.session,
        ),
        DoorRoute(
            path=SESSION,
            method="POST",
            summary="Sign a browser in with the code that `flyte console` gives, once: sets a cookie.",
            takes=Code,
            model=Entered,
        ),
        DoorRoute(path=SESSION, method="DELETE", summary="Sign out."),
    )


def list_routes(runs: RunAnswers, places: PlaceViews) -> tuple[AnyRoute, ...]:
    """Lists of runs."""
    return (
        JsonRoute(
            path=f"{PLACE}/runs",
            summary="The runs that meet all filters, newest first, and how many there are in each phase.",
            model=Runs,
            answer=runs.runs,
            parameters=(
                Parameter(
                    "phase",
                    "in one of these phases",
                    {"type": "string", "enum": [phase.value for phase in ActionPhase]},
                    many=True,
                ),
                Parameter("task", "of this task (ENVIRONMENT.FUNCTION)", _TASK),
                Parameter(
                    "version", "of this version of the task", {"type": "string", "pattern": VERSION_PATTERN}
                ),
                Parameter("user", "asked for by this user", _TEXT),
                Parameter("label", "with this label, KEY=VALUE", {**_TEXT, "pattern": "^[^=]+="}, many=True),
                Parameter("q", "with this text in its name or its task's, in whatever case", _TEXT),
                Parameter("created_after", "asked for after this time (ISO 8601)", _TIME),
                Parameter("created_before", "asked for before this time (ISO 8601)", _TIME),
                limit(_LIMITS.max_listed),
                CURSOR,
            ),
        ),
        StreamRoute(
            path=f"{PLACE}/stream",
            summary="The runs that change, each as it is then; `reset` says to load the list anew.",
            answer=places.stream,
            parameters=(FOLLOWED,),
            models={"runs": RunsChanged, "reset": Position},
        ),
    )


def run_routes(runs: RunAnswers, words: WordAnswers, actions: ActionAnswers) -> tuple[AnyRoute, ...]:
    """One run."""
    return (
        JsonRoute(path=RUN, summary="One run, in full.", model=RunAnswer, answer=runs.run),
        JsonRoute(
            path=f"{RUN}/actions",
            summary="All actions of a run, a row each, with the phases that they went through.",
            model=Actions,
            answer=runs.actions,
        ),
        StreamRoute(
            path=f"{RUN}/stream",
            summary="The actions of a run that have changed and that change, until the run has settled.",
            answer=runs.stream,
            parameters=(FOLLOWED,),
            models={"actions": ActionsChanged, "end": Position},
        ),
        JsonRoute(
            path=f"{RUN}/explanation",
            summary="Why a run (or an action of it) ended as it did, or what it waits for.",
            model=ExplanationAnswer,
            answer=actions.explanation,
            parameters=(ACTION,),
        ),
        JsonRoute(
            path=f"{RUN}/events",
            summary="The events of a run, in the order of the log.",
            model=Events,
            answer=words.events,
            parameters=(ACTION, AFTER, limit(_LIMITS.max_events)),
        ),
        JsonRoute(
            path=f"{RUN}/logs",
            summary="The output of a run, each attempt's in the order in which it was written.",
            model=Logs,
            answer=words.logs,
            parameters=(ACTION, ATTEMPT, AFTER, limit(_LIMITS.max_lines)),
        ),
        StreamRoute(
            path=f"{RUN}/logs/stream",
            summary="The output that comes, until nothing more can.",
            answer=words.stream,
            parameters=(ACTION, ATTEMPT, FOLLOWED),
            models={"lines": LinesPrinted, "end": Position},
        ),
        *action_routes(actions),
    )


def action_routes(actions: ActionAnswers) -> tuple[AnyRoute, ...]:
    """One action, and what its tasks have stored."""
    return (
        BytesRoute(
            path=f"{RUN}/report",
            summary="The HTML report of an action (the root, by default), in a sandbox.",
            answer=actions.report,
            parameters=(ACTION, ATTEMPT),
            content_type="text/html",
        ),
        JsonRoute(
            path=f"{RUN}/actions/{{action}}",
            summary="One action: values, attempts, failure, and its task as this call wanted it.",
            model=ActionAnswer,
            answer=actions.action,
        ),
        BytesRoute(
            path=f"{RUN}/actions/{{action}}/object",
            summary="An object that the action's values name.",
            answer=actions.object,
            parameters=(Parameter("uri", "the object's URI, as the value has it", _TEXT, required=True),),
            content_type="application/octet-stream",
        ),
    )


def task_routes(tasks: TaskAnswers) -> tuple[AnyRoute, ...]:
    """What can run, and where."""
    return (
        JsonRoute(
            path=f"{API}/projects",
            summary="The projects that somebody wrote down, or that the log has runs or tasks of.",
            model=Projects,
            answer=tasks.projects,
        ),
        JsonRoute(
            path=f"{PLACE}/tasks",
            summary="The tasks, each by its newest version, newest first.",
            model=Tasks,
            answer=tasks.tasks,
            parameters=(SEARCH, limit(_LIMITS.max_listed), CURSOR),
        ),
        JsonRoute(
            path=f"{PLACE}/tasks/{{name}}",
            summary="The versions of a task, newest first.",
            model=TaskVersions,
            answer=tasks.versions,
            parameters=(limit(_LIMITS.max_listed), CURSOR),
        ),
        JsonRoute(
            path=f"{PLACE}/tasks/{{name}}/versions/{{version}}",
            summary="One version of a task: its interface, and all that it was declared with.",
            model=TaskFactsAnswer,
            answer=tasks.version,
        ),
    )
