"""The scheduler: keeps the triggers, and asks for a run at each instant at which one fires."""
