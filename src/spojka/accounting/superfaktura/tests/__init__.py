"""Tests of the SuperFaktura connector and its simulator."""
