"""What the bus counts of itself, whoever fills its ports."""

from flyte_bus.meter import PATIENT_S, Count, Meter


class LogMeasures:
    """Of what is appended; the names of streams are known beforehand."""

    def __init__(self, meter: Meter) -> None:
        self._appended = meter.counter(
            "flyte_bus_events_appended_total", "Events that a stream has acknowledged.", "service", "stream"
        )
        self._service = meter.service
        self._by_stream: dict[str, Count] = {}
        self.conflicts = meter.counter(
            "flyte_bus_append_conflicts_total",
            "Appends that were refused since another event was faster.",
            "service",
        ).child(meter.service)
        self.took = meter.histogram(
            "flyte_bus_append_seconds", "From an append to its acknowledgement.", "service"
        ).child(meter.service)

    def appended(self, stream: str) -> None:
        count = self._by_stream.get(stream)
        if count is None:
            count = self._by_stream[stream] = self._appended.child(self._service, stream)
        count.value += 1


class ConnectionMeasures:
    """Of the way to the server."""

    def __init__(self, meter: Meter) -> None:
        self.reconnects = meter.counter(
            "flyte_bus_reconnects_total", "How often a lost connection came back.", "service"
        ).child(meter.service)
        self.full = meter.counter(
            "flyte_bus_stream_full_total", "Writes that found a stream without room.", "service"
        ).child(meter.service)


class QuestionMeasures:
    """Of one endpoint that is served: a `question` is named by the word that is asked."""

    def __init__(self, meter: Meter, question: str) -> None:
        asked = meter.counter(
            "flyte_bus_questions_total", "Questions, by how they ended.", "service", "question", "outcome"
        )
        self.answered, self.refused, self.crashed = (
            asked.child(meter.service, question, outcome) for outcome in ("answered", "refused", "crashed")
        )
        self.took = meter.histogram(
            "flyte_bus_question_seconds",
            "From a question to its answer; TakeWork waits until there is work.",
            "service",
            "question",
            bounds=PATIENT_S,
        ).child(meter.service, question)
