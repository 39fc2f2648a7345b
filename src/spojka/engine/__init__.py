"""Wakes work when it is due: the facade wake(), the embedded runner, schedules."""
