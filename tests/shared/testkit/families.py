"""Every number that the services can show, from services that are built on a bus in memory."""

from pathlib import Path

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import flyte_console.app
import flyte_executor.app
import flyte_notifier.app
import flyte_registry.app
import flyte_scheduler.app
from flyte_bus.bus_measures import ConnectionMeasures, QuestionMeasures
from flyte_bus.health import ready_gauge
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.meter import Counters, Gauges, Meter, Spreads
from flyte_bus.service import rejections
from flyte_console.settings import ConsoleSettings
from flyte_dataproxy.measures import TransferMeasures
from flyte_executor.settings import ExecutorSettings
from flyte_executor.spans import SpanSender
from flyte_guard.measures import Measures as GuardMeasures
from flyte_notifier.settings import NotifierSettings
from flyte_registry.settings import in_folder
from flyte_scheduler.settings import SchedulerSettings

Family = Counters | Spreads | Gauges


async def families(home: Path) -> dict[str, dict[str, Family]]:
    """By the part of the system that shows them, by name. A new service adds its own here."""
    parts: dict[str, dict[str, Family]] = {}
    known: set[str] = set()

    def add(part: str, meter: Meter) -> None:
        parts[part] = {name: one for name, one in meter.families.items() if name not in known}
        known.update(parts[part])

    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        ConnectionMeasures(bus.meter)
        QuestionMeasures(bus.meter, "Ping")
        rejections(bus.meter, "me")
        ready_gauge(bus.meter, is_ready=True)
        add("every service", bus.meter)
        await flyte_executor.app.build(bus, ExecutorSettings(home=home))
        SpanSender(bus, InMemorySpanExporter())
        add("executor", bus.meter)
        await flyte_registry.app.build(bus, in_folder(home))
        add("registry", bus.meter)
        TransferMeasures(bus.meter)
        add("dataproxy", bus.meter)
        flyte_scheduler.app.build(bus, SchedulerSettings())
        add("scheduler", bus.meter)
        flyte_notifier.app.build(bus, NotifierSettings())
        add("notifier", bus.meter)
        GuardMeasures(bus.meter)
        add("guard", bus.meter)
        await flyte_console.app.build(bus, ConsoleSettings())
        add("console", bus.meter)
    return parts
