"""The whole stack on one machine: nats-server and all services, started and ended as one."""
