"""The page `/metrics`, read as Prometheus reads it."""

from prometheus_client.parser import text_string_to_metric_families

from flyte_bus import metrics
from flyte_bus.meter import Meter

Sample = tuple[str, frozenset[tuple[str, str]]]


def read_page(text: str) -> dict[Sample, float]:
    """Every number on a page, by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def numbers(*meters: Meter) -> dict[Sample, float]:
    """Every number of these meters."""
    text, kind = await metrics.page(meters)
    assert kind.startswith("text/plain")
    return read_page(text.decode())


def of(name: str, **labels: str) -> Sample:
    """The name of one number."""
    return name, frozenset(labels.items())
