"""The JetStream API's error codes (`err_code`) that mean something to us."""

STREAM_NAME_IN_USE = 10058
STREAM_NOT_FOUND = 10059
WRONG_LAST_SEQUENCE = 10071
