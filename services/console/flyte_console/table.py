"""The routes of the console, put together."""

from flyte_console.answers import About, Actions, ActionsChanged, Position, RunAnswer, Runs
from flyte_console.core.values import API
from flyte_console.general import GeneralAnswers
from flyte_console.routes import AnyRoute, JsonRoute, Parameter, StreamRoute
from flyte_console.runs import RunAnswers

PLACE = f"{API}/projects/{{project}}/domains/{{domain}}"
RUN = f"{PLACE}/runs/{{run}}"

AFTER = Parameter("after", "only what comes behind this position (`as_of`); `Last-Event-ID` wins over it")
LIMIT = Parameter("limit", "how many at most")


def general_routes(answers: GeneralAnswers) -> tuple[AnyRoute, ...]:
    """What is asked before anything else."""
    return (JsonRoute(path=f"{API}/about", summary="What answers here.", model=About, answer=answers.about),)


def run_routes(answers: RunAnswers) -> tuple[AnyRoute, ...]:
    """Lists of runs, and one run with its actions."""
    return (
        JsonRoute(
            path=f"{PLACE}/runs",
            summary="The runs that meet all filters, newest first.",
            model=Runs,
            answer=answers.runs,
            parameters=(
                Parameter("phase", "in one of these phases", many=True),
                Parameter("task", "of this task (ENVIRONMENT.FUNCTION)"),
                Parameter("version", "of this version of the task"),
                Parameter("user", "asked for by this user"),
                Parameter("label", "with this label, KEY=VALUE", many=True),
                Parameter("created_after", "asked for after this time (ISO 8601)"),
                Parameter("created_before", "asked for before this time (ISO 8601)"),
                LIMIT,
            ),
        ),
        JsonRoute(path=RUN, summary="One run, in full.", model=RunAnswer, answer=answers.run),
        JsonRoute(
            path=f"{RUN}/actions",
            summary="All actions of a run, a row each, with the phases that they went through.",
            model=Actions,
            answer=answers.actions,
        ),
        StreamRoute(
            path=f"{RUN}/stream",
            summary="The actions of a run that have changed and that change, until the run has settled.",
            answer=answers.stream,
            parameters=(AFTER,),
            models={"actions": ActionsChanged, "end": Position},
        ),
    )
