"""Accounting systems: the contract, the registry, and one folder per system."""
