"""The page `/metrics`: the meters of a process, and what the system says of it, as Prometheus reads them.

`prometheus_client` writes it: the escaping, the suffixes and the process's own numbers are its trade. It does
not count: its cells take a lock for each addition, and ours are on the way of every event. It is loaded when
the page is first asked for, so that only processes which are watched have it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from flyte_bus.meter import Count, Counters, Gauges, Meter, Spread, Spreads

LOOK_TIMEOUT_S = 2.0
"""What has to be asked for and does not come within so long is left out of the page."""


class NotInstalled(RuntimeError):
    """What writes the page is not there."""


async def page(meters: Sequence[Meter]) -> tuple[bytes, str]:
    """The page and its content type. Raises NotInstalled."""
    try:
        import prometheus_client
        from prometheus_client import core
        from prometheus_client.registry import Collector
    except ImportError as error:
        raise NotInstalled("prometheus-client is missing: pip install 'flytejet[services]'") from error

    class Ours(Collector):
        """The families of all meters, those of one name together."""

        def collect(self) -> Iterable[core.Metric]:
            families: dict[str, core.Metric] = {}
            for meter in meters:
                for one in meter.families.values():
                    name = one.name.removesuffix("_total")
                    metric = families.setdefault(name, core.Metric(name, one.about, one.kind))
                    for sample in _samples(one):
                        metric.add_sample(*sample)
            return families.values()

    await asyncio.gather(*(_looked(meter) for meter in meters))
    registry = prometheus_client.CollectorRegistry(auto_describe=False)
    registry.register(Ours())
    prometheus_client.ProcessCollector(registry=registry)
    prometheus_client.PlatformCollector(registry=registry)
    prometheus_client.GCCollector(registry=registry)
    return prometheus_client.generate_latest(registry), prometheus_client.CONTENT_TYPE_LATEST


async def _looked(meter: Meter) -> None:
    """Bring up to date what has to be asked for; a bus that is away is told by what is not shown."""
    looks = [asyncio.ensure_future(look()) for look in meter.looks]
    if looks:
        _, late = await asyncio.wait(looks, timeout=LOOK_TIMEOUT_S)
        for look in late:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


def _samples(family: Counters | Spreads | Gauges) -> Iterator[tuple[str, dict[str, str], float]]:
    """What a family has to show: names, labels, numbers."""
    if isinstance(family, Gauges):
        for values, number in family.read().items():
            yield family.name, dict(zip(family.labels, values, strict=True)), number
        return
    cell: Count | Spread
    for values, cell in family.cells.items():
        labels = dict(zip(family.labels, values, strict=True))
        if isinstance(cell, Count):
            yield family.name, labels, cell.value
        else:
            yield from _buckets(family.name, labels, cell)


def _buckets(name: str, labels: dict[str, str], cell: Spread) -> Iterator[tuple[str, dict[str, str], float]]:
    below = 0
    for bound, count in zip((*map(str, cell.bounds), "+Inf"), cell.counts, strict=True):
        below += count
        yield f"{name}_bucket", {**labels, "le": bound}, below
    yield f"{name}_sum", labels, cell.total
    yield f"{name}_count", labels, below
