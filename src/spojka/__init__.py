"""Spojka couples an e-shop's orders to the company's accounting or invoicing system."""

__version__ = "0.1.0"
