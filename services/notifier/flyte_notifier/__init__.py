"""The notifier: tells others of events, from a durable place in the log."""
