"""The numbers that we hold ourselves to, each measured beside its floor in the same run."""
