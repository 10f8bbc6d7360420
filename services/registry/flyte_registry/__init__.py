"""What can run: turns deploy requests into task versions, and answers questions from a read model.

The truth is in the log alone. The SQLite file that answers questions can be deleted at any time.
"""
