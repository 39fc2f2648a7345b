"""*Deník*: a toy accounting system that can do all that a system can but webhooks."""
