"""The command line: thin over the SDK, and slow imports only inside the commands that need them."""

import gc

GARBAGE_THRESHOLD = 10_000
"""So many objects are made before garbage is looked for: loading makes many, and none of them is garbage."""

gc.set_threshold(GARBAGE_THRESHOLD)  # here, since most of the loading comes before any command
