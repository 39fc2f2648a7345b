"""Sessions of the pages, kept with their user: Django's ``SESSION_ENGINE``.

Django's own store does not say whose a session is, so that nobody's sessions could be ended.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.backends import db

from spojka.companies.models import UserSession


class SessionStore(db.SessionStore):
    """Keeps each session in the database, with the user who is logged in."""

    @classmethod
    def get_model_class(cls) -> type[UserSession]:
        return UserSession

    def create_model_instance(self, data: dict[str, Any]) -> UserSession:
        row = super().create_model_instance(data)
        assert isinstance(row, UserSession)
        user = data.get(SESSION_KEY)
        row.user_id = int(user) if user else None
        return row


def end_sessions(user: AbstractBaseUser, *, keep: str | None = None) -> int:
    """Log somebody out everywhere at once.

    Args:
        user: Whose sessions end. Their API tokens belong to companies and are not touched.
        keep: Key of the one session that stays, such as that in which the password was changed.

    Returns:
        How many sessions ended.
    """
    rows = UserSession.objects.filter(user_id=user.pk)
    if keep:
        rows = rows.exclude(session_key=keep)
    return rows.delete()[0]


def end_sessions_of_disabled(sender: object, instance: AbstractBaseUser, **_kwargs: Any) -> None:
    """Log somebody out who was disabled, whoever did it and by which way."""
    if not instance.is_active:
        end_sessions(instance)
