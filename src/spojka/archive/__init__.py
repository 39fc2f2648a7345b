"""Append-only, hash-chained store of what was issued, sent and received."""
