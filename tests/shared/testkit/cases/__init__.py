"""Contract suites: one class a port, inherited by the tests of every adapter that fills it."""
