"""Orders in: the inbox of raw events, intake, versions of orders, polling."""
