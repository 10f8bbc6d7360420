"""Beside the user's code: claims an attempt, prepares it, runs it in a process of its own, reports."""
