"""One program for each peer, run by the interpreter of its environment; they import nothing of ours."""
