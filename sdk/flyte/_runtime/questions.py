"""A question to a person, as a running task asks it, and what its answer means to the task."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from flyte import errors
from flyte._runtime.child import Child
from flyte._runtime.failure import error_of
from flyte_schemas.conditions import AnswerType, fitting, unfit
from flyte_schemas.literals import Answer, InlineLiteral
from flyte_schemas.phase import ActionPhase

if TYPE_CHECKING:
    from flyte._runtime.messages import ChildEnded


@dataclass(frozen=True, slots=True)
class ConditionWebhook:
    """Where to say that a condition waits: `payload` is sent to `url` by POST, as JSON.

    Without a payload that is the condition: project, domain, run, condition, prompt, prompt_type, data_type,
    description and timeout_s. It is sent when the condition pauses, again when nobody takes it, and again
    when the task is tried again before it was taken: at least once. Raises ValueError for a URL that is not
    http(s), TypeError for a payload that is no JSON.
    """

    url: str
    payload: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        import json
        from urllib.parse import urlsplit

        place = urlsplit(self.url)
        if place.scheme not in ("http", "https") or not place.hostname:
            raise ValueError(f"a webhook needs an address like https://host/path, not {self.url!r}")
        try:
            json.dumps(self.payload, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(f"a webhook's payload must be JSON data: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. `timeout_s` None: for as long as the asking task runs."""

    name: str
    prompt: str
    prompt_type: Literal["text", "markdown"]
    data_type: AnswerType
    description: str
    timeout_s: float | None
    webhook: ConditionWebhook | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question under way. `opened` is done when it stands, with an error when it cannot.

    `answer` gives who waits for the answer, the same one whenever it is called.
    """

    opened: "Future[None]"
    answer: Callable[[], Child]


def answer_in(question: Question, ended: "ChildEnded") -> Answer:
    """The answer. Raises what a condition that ended without one is to who asked."""
    if ended.phase is ActionPhase.ABORTED or ended.failure is not None:
        raise error_of(ended.failure, _phase_of_error(ended.phase), ended.abort_reason)
    literal = ended.outputs.get("o0")
    value = literal.value if isinstance(literal, InlineLiteral) else None
    answer = fitting(question.data_type, value)
    if answer is None:  # an earlier attempt, of other inputs, asked for another type
        raise errors.ConditionFailedError(unfit(question.name, question.data_type, value))
    return answer


def _phase_of_error(phase: ActionPhase) -> ActionPhase:
    """A condition's own timeout is no task's: its failure says all."""
    return ActionPhase.FAILED if phase is ActionPhase.TIMED_OUT else phase


_YES, _NO = ("true", "yes", "y", "1"), ("false", "no", "n", "0")


def answer_from_text(data_type: AnswerType, text: str) -> Answer | None:
    """What a person typed, as an answer of this type; None when it is none."""
    word = text.strip()
    try:
        match data_type:
            case "bool":
                return True if word.lower() in _YES else False if word.lower() in _NO else None
            case "int":
                return int(word)
            case "float":
                return fitting("float", float(word))
            case "str":
                return fitting("str", text)
    except ValueError:
        return None
