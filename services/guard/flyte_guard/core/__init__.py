"""Which questions are passed on, and as what: no bus, no clock."""
