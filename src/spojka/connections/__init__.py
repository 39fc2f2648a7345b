"""Shops and accounting connections with their credentials, and the vault that keeps those."""
