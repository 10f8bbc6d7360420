"""`flyte.new_condition`: a task that waits for a person.

On the stack the question is an action of the run, in phase PAUSED: whoever may signal answers it
(`flyte signal condition RUN NAME VALUE`, `flyte.remote.Condition`), the task holds no slot meanwhile, and a
task that is tried again finds its question, and the answer, as they were.
"""

import asyncio
from typing import Any, Literal, NoReturn

from flyte import errors
from flyte._policies import Duration, seconds_of
from flyte._runtime import controller, tracing
from flyte._runtime.questions import Asked, ConditionWebhook, Question
from flyte._twins import Twinned
from flyte_schemas.conditions import AnswerType, may_be_named

__all__ = ["Condition", "ConditionWebhook", "new_condition"]

_TYPES: dict[type, AnswerType] = {bool: "bool", int: "int", float: "float", str: "str"}


class Condition:
    """A question that was asked. `wait()` blocks until there is an answer and gives it, as does `wait.aio()`.

    Raises ConditionTimedoutError, ActionAbortedError when it was given up, ConditionFailedError. Waiting
    again gives the same; a wait that is cancelled leaves the question as it is.
    """

    def __init__(self, question: Question, asked: Asked) -> None:
        self.name = question.name
        self.prompt = question.prompt
        self.data_type = question.data_type
        self._asked = asked
        self.wait = Twinned(self._wait, self._wait_aio)

    def __repr__(self) -> str:
        return f"<condition {self.name!r}: {self.prompt}>"

    def __bool__(self) -> NoReturn:
        raise TypeError(f"condition {self.name!r} is no answer yet: use its .wait(), or await .wait.aio()")

    def _wait(self) -> Any:
        """The answer, of the type that was asked for."""
        return self._asked.answer().result()

    async def _wait_aio(self) -> Any:
        child = self._asked.answer()
        await asyncio.shield(asyncio.wrap_future(child.future))
        return child.result()


def _new_condition(
    name: str,
    /,
    prompt: str = "Approve?",
    prompt_type: Literal["text", "markdown"] = "text",
    data_type: type = bool,
    description: str = "",
    timeout: Duration | None = None,
    webhook: ConditionWebhook | None = None,
) -> Condition:
    """Ask a person for a bool, int, float or str; the answer comes by the condition's `wait()`.

    `name` names the condition within its run. Nobody has to answer within `timeout` (seconds, or a
    timedelta) unless it is given. A local run asks at its terminal, when somebody waits for the answer.

    Raises NotInTaskContextError outside of a task, ConditionAlreadyExistsError for a name that an action of
    the run has, ValueError and TypeError for what cannot be asked.
    """
    asked, condition = _ask(_question(name, prompt, prompt_type, data_type, description, timeout, webhook))
    asked.opened.result()
    return condition


async def _new_condition_aio(
    name: str,
    /,
    prompt: str = "Approve?",
    prompt_type: Literal["text", "markdown"] = "text",
    data_type: type = bool,
    description: str = "",
    timeout: Duration | None = None,
    webhook: ConditionWebhook | None = None,
) -> Condition:
    asked, condition = _ask(_question(name, prompt, prompt_type, data_type, description, timeout, webhook))
    await asyncio.wrap_future(asked.opened)
    return condition


new_condition = Twinned(_new_condition, _new_condition_aio)
new_condition.__name__ = "new_condition"


def _ask(question: Question) -> tuple[Asked, Condition]:
    current = controller.current()
    if current is None:
        raise errors.NotInTaskContextError(
            "NotInTaskContext", "a condition pauses the task that asks: call flyte.new_condition in a task"
        )
    tracing.refuse(f"asks for the condition {question.name!r}: ask outside of the trace")
    asked = current.pause(question)
    return asked, Condition(question, asked)


def _question(
    name: str,
    prompt: str,
    prompt_type: str,
    data_type: type,
    description: str,
    timeout: Duration | None,
    webhook: ConditionWebhook | None,
) -> Question:
    if not isinstance(name, str) or not may_be_named(name):
        raise ValueError(
            f"{name!r} cannot name a condition: 1 to 128 characters, none of them a dot, '*', '>' or white "
            "space, and not 'a0', which is the run's own action"
        )
    if data_type not in _TYPES:
        raise TypeError(f"condition {name!r}: data_type is bool, int, float or str, not {data_type!r}")
    if prompt_type not in ("text", "markdown"):
        raise ValueError(f"condition {name!r}: prompt_type is 'text' or 'markdown', not {prompt_type!r}")
    for what, text in (("prompt", prompt), ("description", description)):
        if not isinstance(text, str):
            raise TypeError(f"condition {name!r}: {what} must be a string, not {text!r}")
    if webhook is not None and not isinstance(webhook, ConditionWebhook):
        raise TypeError(f"condition {name!r}: webhook is a flyte.ConditionWebhook, not {webhook!r}")
    timeout_s = None if timeout is None else seconds_of("timeout", timeout)
    if timeout_s is not None and timeout_s <= 0:
        raise ValueError(f"condition {name!r}: timeout must be more than 0 seconds, got {timeout!r}")
    return Question(
        name=name,
        prompt=prompt,
        prompt_type="markdown" if prompt_type == "markdown" else "text",
        data_type=_TYPES[data_type],
        description=description,
        timeout_s=timeout_s,
        webhook=webhook,
    )
