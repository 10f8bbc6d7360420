"""The one place that speaks NATS: the log, inboxes, questions and answers, keys with a time to live.

Everybody else sees the ports (`flyte_bus.ports`); `flyte_bus.jetstream` and `flyte_bus.memory` fill them,
and one contract suite holds both to the same behaviour.
"""
