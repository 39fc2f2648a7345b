"""Forms about people: the first owner, users of a company, passwords."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from spojka.companies.models import Role
from spojka.web.context import LANGUAGES
from spojka.web.forms.base import HouseForm, dress

LONGEST_NAME = 150
"""Characters of an e-mail that becomes a user name."""


class OwnerForm(HouseForm):
    """The first user of an installation."""

    email = forms.EmailField(
        label=_("Your e-mail"),
        max_length=LONGEST_NAME,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
        help_text=_("You will log in with it."),
    )
    password = forms.CharField(
        label=_("New password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 10 characters; a sentence is easier to remember than a riddle."),
    )
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "password" in data:
            user = get_user_model()(username=data.get("email", ""), email=data.get("email", ""))
            try:
                validate_password(data["password"], user)
            except ValidationError as error:
                self.add_error("password", error)
        return data


class LoginForm(AuthenticationForm):
    """Log in by e-mail and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("E-mail")
        self.fields["username"].widget = forms.EmailInput(
            attrs={"autocomplete": "username", "autofocus": True}
        )
        self.fields["password"].label = _("Password")
        dress(self.fields.values())

    def clean_username(self) -> str:
        """Refuse a name that nobody can have before it is counted where it would not fit."""
        name = str(self.cleaned_data["username"])
        if len(name) > LONGEST_NAME:
            raise self.get_invalid_login_error()
        return name


class ChangePasswordForm(PasswordChangeForm):
    """Change one's own password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = _("At least 10 characters.")
        dress(self.fields.values())


class MemberForm(HouseForm):
    """A colleague: an existing user is added by e-mail, a new one gets an initial password."""

    email = forms.EmailField(label=_("E-mail"), max_length=LONGEST_NAME)
    role = forms.ChoiceField(
        label=_("Role"),
        choices=[
            (Role.VIEWER.value, _("viewer: sees everything, changes nothing")),
            (Role.ACCOUNTANT.value, _("accountant: works with documents")),
            (Role.OWNER.value, _("owner: everything, settings included")),
        ],
        initial=Role.ACCOUNTANT.value,
    )


class TokenForm(HouseForm):
    """A token for the API."""

    name = forms.CharField(
        label=_("What it is for"), max_length=100, help_text=_("For example the name of a script.")
    )
    role = forms.ChoiceField(
        label=_("Role"),
        choices=[
            (Role.VIEWER.value, _("viewer: reads")),
            (Role.ACCOUNTANT.value, _("accountant: sends orders and works with documents")),
        ],
        initial=Role.ACCOUNTANT.value,
    )
