"""Django's PostgreSQL, asked by statements that the server keeps prepared."""
