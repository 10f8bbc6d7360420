"""What the console answers, as models: each answer is made of them, and so is the OpenAPI document.

Times are UTC, in ISO 8601 with milliseconds; those that end in `_ms` are milliseconds since the epoch.
`as_of` is the sequence of the log that an answer reflects.
"""
