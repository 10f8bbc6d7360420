"""The command line: thin over the SDK, and slow imports only inside the commands that need them."""
