"""The bytes: signed, expiring URLs to upload and download artifacts, which never cross the bus.

Objects are named by their content, so an upload that is already there is not repeated, and nobody
overwrites what somebody else relies on.
"""
