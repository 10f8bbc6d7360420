"""The whole stack on one machine: nats-server and all services, started and ended as one."""

from flyte_bus.quick_start import load_log

load_log()
