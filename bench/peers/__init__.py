"""Other systems, measured on this machine by the same shapes as ours, and one table of all."""
