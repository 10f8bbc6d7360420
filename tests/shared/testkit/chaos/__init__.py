"""Real processes, killed, paused and cut off at random while real work goes on; then the log is audited."""
