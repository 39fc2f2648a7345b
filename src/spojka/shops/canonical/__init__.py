"""Spojka's own order format: the REST API's body, and files of JSON or CSV."""
