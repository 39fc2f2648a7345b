"""The pages, by group."""
