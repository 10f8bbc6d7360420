"""The limits of projects, held against what they use: how far this executor lets each of them go.

Every executor reads all events, so each knows of all attempts under way and of all bytes; what an executor
has launched and no worker has claimed yet, the others do not know. A count outlasts restarts: it is kept with
the place in the log up to which it was made, and goes on from there.
"""

from collections.abc import Callable

import orjson
import structlog

from flyte_bus.known_limits import KnownLimits
from flyte_bus.ports import Bus, Entry
from flyte_executor.clock import Now
from flyte_executor.core.lines import place_of
from flyte_executor.core.placement import Placement
from flyte_executor.core.usage import Usage
from flyte_schemas.failure import Failure
from flyte_schemas.limits import Place
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.subjects import ActionKey, RunKey
from flyte_schemas.usage import UsageNow

log = structlog.get_logger()

USAGE_KEY = "executor.usage"


class Allowance:
    """What projects may do and have done."""

    def __init__(self, bus: Bus, now: Now) -> None:
        self._bus = bus
        self._now = now
        self.limits = KnownLimits(bus)
        self.usage = Usage()
        self._stopped: set[RunKey] = set()
        self._runs_stopped = bus.meter.counter(
            "flyte_executor_runs_over_limit_total",
            "Runs that were ended, or not begun, since their project was over a limit.",
            "code",
        )

    async def load(self) -> None:
        """Read the limits, and what was counted in an earlier life. Raises the bus's errors."""
        await self.limits.load()
        saved = await self._bus.bucket(SETTINGS_BUCKET).get(USAGE_KEY)
        if saved is None or saved.value is None:
            return
        try:
            self.usage.restore(orjson.loads(saved.value))
        except (ValueError, KeyError, TypeError) as error:
            log.warning("executor.usage.unreadable", error=str(error))

    async def save(self, lives: Callable[[RunKey], bool]) -> None:
        """Keep what was counted, of the runs that live. Raises the bus's errors."""
        for use in (self.usage.events, self.usage.logs):
            use.keep(lives)
        self._stopped = {run for run in self._stopped if lives(run)}
        await self._bus.bucket(SETTINGS_BUCKET).put(USAGE_KEY, orjson.dumps(self.usage.document()))

    def live_actions(self, place: Place) -> float | None:
        """How many actions of a place may be under way; None: any number."""
        return self.limits.of(place).live_actions or None

    def take(self, run: RunKey, entry: Entry) -> None:
        """Count an event."""
        self.usage.begin_day(self.today())
        self.usage.wrote(run, len(entry.raw), entry.sequence)

    def is_over_now(self, run: RunKey) -> bool:
        """Whether a run is over a limit, and was not when it was looked at before."""
        if run in self._stopped:
            return False
        failure = self.usage.over(run, self.limits.of(place_of(run)))
        if failure is not None:
            self._stopped.add(run)
            self.count(failure)
            log.warning("executor.run.over_limit", run=str(run), code=failure.code, reason=failure.message)
        return failure is not None

    def over(self, key: ActionKey) -> Failure | None:
        """Why a root action's run may not go on; of other actions nothing is said."""
        return self.usage.over(key.run, self.limits.of(place_of(key.run))) if key.is_root else None

    def refusal(self, place: Place) -> Failure | None:
        """Why a new run may not begin."""
        self.usage.begin_day(self.today())
        return self.usage.over_today(place, self.limits.of(place))

    def now(self, place: Place, placement: Placement) -> UsageNow:
        """What a place uses now."""
        self.usage.begin_day(self.today())
        return UsageNow(
            live_actions=placement.under_way[place],
            waiting_actions=placement.waiting_by_place[place],
            event_bytes_today=self.usage.events.today[place],
            log_bytes_today=self.usage.logs.today[place],
        )

    def count(self, failure: Failure) -> None:
        """A run was ended, or not begun."""
        self._runs_stopped.child(failure.code).add()

    def today(self) -> str:
        """The day of UTC that it is."""
        return self._now().date().isoformat()
