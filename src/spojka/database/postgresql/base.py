"""PostgreSQL, which parses and plans what is asked again and again only once.

Django sends each statement anew, with its values written into it; for the short ones that a
document needs, the server spends more time on reading them than on doing what they say. With the
options of our settings, values are sent beside the statement, and one that comes for the third time
is kept prepared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base
from django.db.utils import NotSupportedError


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, for the options ``server_side_binding`` and ``prepare_threshold``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_prepared_anew)


def _prepared_anew(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Repeat a statement whose columns changed since it was prepared.

    A new release may change a column's type while processes of the old one still run. In a
    transaction the error is passed on: its rollback forgets what was prepared, and who tries again
    succeeds.
    """
    try:
        return execute(sql, params, many, context)
    except NotSupportedError:  # "cached plan must not change result type"
        wrapper = context["connection"]
        if wrapper.in_atomic_block:
            raise
        wrapper.connection.execute("BEGIN")
        wrapper.connection.rollback()  # by which the driver forgets, and has the server forget
        return execute(sql, params, many, context)
