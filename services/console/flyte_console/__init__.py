"""The console: a read-only view of the log over HTTP, and the web page that shows it.

It decides nothing and writes nothing. Lists come from the registry, runs from the log itself: a fold for each
run that somebody looks at, however many do.
"""
