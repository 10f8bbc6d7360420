"""Every word on the wire, and what a sequence of words means.

Pure: no I/O, no clock, no chance. What time it is and which id to use are arguments.
"""
