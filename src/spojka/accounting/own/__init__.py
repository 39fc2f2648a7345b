"""Spojka's own issuer: documents, numbers and PDF with no account anywhere."""
