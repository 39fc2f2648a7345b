"""The Django project: settings, addresses, WSGI, and the process group of ``spojka run``."""
