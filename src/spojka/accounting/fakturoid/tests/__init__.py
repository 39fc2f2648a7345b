"""Tests of Fakturoid: the connector, its simulator, and both against each other."""
