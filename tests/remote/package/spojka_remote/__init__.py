"""A connector of another package: found by its entry point, with no edit in Spojka."""
