"""Fakturoid (Czechia and Slovakia), by its API v3."""
