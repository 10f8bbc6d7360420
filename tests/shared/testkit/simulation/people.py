"""People in a world: some tasks ask them, and somebody answers, late, twice, or not before peace.

Their dice are their own, so that what they do changes nothing of what the seed decides elsewhere.
"""

import random
from collections.abc import Awaitable, Callable, Iterable

from flyte._runtime.messages import ChildEnded, Pause
from flyte_schemas.events import EventData, SignalCondition
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.recovery import Recovery
from flyte_schemas.run import RunFold
from flyte_schemas.subjects import ActionKey, RunKey, signal_request

ASKING_TASKS = 0.2
RECOVERED_RUNS = 0.25

Say = Callable[[str, EventData], Awaitable[None]]


class People:
    """Who is asked, and what they said. `wrongs` are broken promises of conditions."""

    def __init__(self, seed: int, tasks: Iterable[str]) -> None:
        self.dice = random.Random(f"people of {seed}")
        self.wrongs: list[str] = []
        self._asking = {
            task: self.dice.choice((None, 20.0, 400.0)) for task in tasks if self.dice.random() < ASKING_TASKS
        }
        self._heard: dict[tuple[RunKey, str], object] = {}
        self._said = 0

    def question(self, asker: ActionKey, task: str, call: int) -> Pause | None:
        """What an action of this task asks, if its task is one that asks."""
        if task not in self._asking:
            return None
        timeout_s, condition = self._asking[task], f"{asker.action}q"
        return Pause(call=call, condition=condition, prompt="?", data_type="str", timeout_s=timeout_s)

    def heard(self, asker: ActionKey, ended: ChildEnded) -> None:
        """An attempt has its answer: to its own question, and the same as every other attempt of it."""
        if not ended.phase.is_success:
            return
        literal, condition = ended.outputs.get("o0"), f"{asker.action}q"
        value = literal.value if isinstance(literal, InlineLiteral) else None
        if not str(value).startswith(f"{condition} "):
            self.wrongs.append(f"{asker} asked {condition}, and was told {value!r}")
        if self._heard.setdefault((asker.run, condition), value) != value:
            self.wrongs.append(f"{asker} was told {value!r}, after another answer to {condition}")

    async def answer(self, run: RunKey, fold: RunFold, say: Say) -> None:
        """Answer what a run asks, perhaps twice."""
        for name, state in tuple(fold.actions.items()):
            if state.condition is None or state.phase is not ActionPhase.PAUSED:
                continue
            for _ in range(self.dice.choice((1, 1, 2))):
                self._said += 1
                value = f"{name} {self._said}"
                await say(signal_request(run, "alice"), SignalCondition(condition=name, value=value))

    def recovery(self, run: RunKey) -> Recovery | None:
        """How a run is recovered by another one, if it is."""
        if self.dice.random() >= RECOVERED_RUNS:
            return None
        again = tuple(name for name in ("a0x0", "a0x1x0") if self.dice.random() < 0.2)
        on_the_way = ("a0x1",) if "a0x1x0" in again else ()
        return Recovery(run=run.run, again=again, on_the_way=on_the_way)
