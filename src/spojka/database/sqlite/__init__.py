"""SQLite as Django's ``ENGINE``, with turns among the writers of a process."""
