"""What Spojka adds to Django's way with databases; it knows no table."""
