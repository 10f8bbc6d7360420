"""The JetStream API's error codes (`err_code`) that mean something to us."""

STREAM_NAME_IN_USE = 10058
STREAM_NOT_FOUND = 10059
WRONG_LAST_SEQUENCE = 10071

TOO_LARGE = frozenset({10054})
FULL = frozenset({10002, 10023, 10047, 10077, 10122})
"""A limit of the account, the server, its disk or the stream is reached."""

PASSING = frozenset(
    {
        10004,  # not all members of the cluster answered
        10005,  # no member could be found that has room for a replica: they are starting
        10007,  # the cluster has not yet said who keeps the stream
        10008,  # temporarily unavailable: starting, or without a leader
        10009,  # asked somebody who leads no more
        10076,  # JetStream is not enabled: it is starting, or has just been ended
        10118,  # the stream is offline
        10119,  # the consumer is offline
        10158,  # the first copy of the same event is still being written
        10163,  # a new leader does not yet know the last sequence of the subject
        10164,  # another write to the subject is on its way; it may be our own first copy
        10167,  # too many requests wait
        10201,  # as 10158, by the name of later servers
    }
)
"""What is over by itself soon: ask again. A cluster says it between two leaders."""
