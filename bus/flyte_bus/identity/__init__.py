"""Who somebody is to the server: key pairs, signed tokens that say what their holder may, and credentials.

Nothing here speaks with a server. Reading one's own credentials loads no cryptography; signing loads the
least of it, since a command that is typed waits for it.
"""
