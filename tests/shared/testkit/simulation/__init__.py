"""A control plane in virtual time, where a seed decides what goes wrong and an audit what must not."""
