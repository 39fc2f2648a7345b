"""Forms about the company: who it is, how it accounts, where it is paid to."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from stdnum import bic, iban
from stdnum.cz import bankaccount as cz_account
from stdnum.cz import dic as cz_dic
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError as NumberError

from spojka.companies.models import BankAccount, Company
from spojka.core.dates import IssueDate, TaxableDate
from spojka.core.document import VatMode
from spojka.web.forms.base import COUNTRIES, DOCUMENT_LANGUAGES, HouseForm, HouseModelForm

HOME = {"CZ": ("CZK", "Europe/Prague", "cs"), "SK": ("EUR", "Europe/Bratislava", "sk")}
LOGO_LIMIT = 1024 * 1024
_LOGO_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


class CompanyForm(HouseModelForm):
    """Identity of the company, as it stands on its documents."""

    country = forms.ChoiceField(label=_("Country"), choices=COUNTRIES)

    class Meta:
        model = Company
        fields: tuple[str, ...] = (
            "country", "name", "company_id", "vat_mode", "tax_id", "vat_id", "oss",
            "street", "city", "postcode", "register", "email", "phone", "web", "issued_by",
        )  # fmt: skip
        labels = {
            "name": _("Company name"),
            "company_id": _("Company id (IČO)"),
            "vat_mode": _("Position towards VAT"),
            "tax_id": _("Tax id (DIČ)"),
            "vat_id": _("VAT id (IČ DPH)"),
            "oss": _("Registered for the One Stop Shop (OSS)"),
            "street": _("Street and number"),
            "city": _("City"),
            "postcode": _("Postcode"),
            "register": _("Entry in the register"),
            "email": _("E-mail"),
            "phone": _("Phone"),
            "web": _("Web"),
            "issued_by": _("Issued by"),
        }
        help_texts = {
            "tax_id": _("In Czechia CZ and 8 to 10 digits; in Slovakia ten digits."),
            "vat_id": _("In Slovakia SK and ten digits; in Czechia it follows from the DIČ."),
            "oss": _("Consumers in other member states are charged their own country's VAT."),
            "register": _(
                "It must stand on your documents. For example: registered at the Municipal Court"
                " in Prague, section C, entry 12345; or: registered in the trade register."
            ),
            "issued_by": _("The name under your documents."),
        }

    def clean_company_id(self) -> str:
        value = _compact(self.cleaned_data["company_id"])
        # Czech and Slovak registration numbers share their form and their check digit.
        checked = self.data.get(self.add_prefix("country")) in {"CZ", "SK"}
        right = value.isdigit() and len(value) == 8 and cz_dic.is_valid(value)
        if value and checked and not right:
            raise ValidationError(
                _("This is not a valid company id: it has 8 digits and its last digit checks it.")
            )
        return value

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        country = data.get("country", "")
        payer = data.get("vat_mode") != VatMode.NON_PAYER.value
        tax_id = _compact(data.get("tax_id", ""))
        vat_id = _compact(data.get("vat_id", ""))
        if country == "CZ":
            if tax_id and tax_id.isdigit():
                tax_id = f"CZ{tax_id}"
            if payer:
                if not tax_id and not vat_id:
                    self.add_error("tax_id", _("A VAT payer must state its DIČ."))
                vat_id = vat_id or tax_id
                tax_id = tax_id or vat_id
            if tax_id and not cz_dic.is_valid(tax_id):
                self.add_error("tax_id", _("This is not a valid Czech DIČ."))
        elif country == "SK":
            if payer and not vat_id:
                self.add_error("vat_id", _("A Slovak VAT payer must state its IČ DPH."))
            if vat_id and not eu_vat.is_valid(vat_id):
                self.add_error("vat_id", _("This is not a valid IČ DPH."))
            if tax_id and not (tax_id.isdigit() and len(tax_id) == 10):
                self.add_error("tax_id", _("A Slovak DIČ has ten digits."))
        elif vat_id and not eu_vat.is_valid(vat_id):
            self.add_error("vat_id", _("This is not a valid VAT id."))
        data["tax_id"], data["vat_id"] = tax_id, vat_id
        return data

    def save(self, commit: bool = True) -> Company:
        company: Company = super().save(commit=False)
        if company.pk is None and company.country in HOME:
            company.currency, company.time_zone, company.language = HOME[company.country]
        elif company.pk is None:
            company.currency, company.language = "EUR", "en"
        if commit:
            company.save()
        return company


def _compact(value: str) -> str:
    return "".join(value.split()).upper()


class FirstCompanyForm(CompanyForm):
    """The first step of the set-up: only what documents cannot do without, and the bank account."""

    account = forms.CharField(
        label=_("Bank account"),
        required=False,
        max_length=34,
        help_text=_(
            "Number with bank code (19-2000145399/0800) or IBAN; for payments by transfer."
        ),
    )

    class Meta(CompanyForm.Meta):
        fields: tuple[str, ...] = (
            "country", "name", "company_id", "vat_mode", "tax_id", "vat_id", "oss",
            "street", "city", "postcode", "register", "email",
        )  # fmt: skip

    def clean_account(self) -> str:
        value = "".join(str(self.cleaned_data["account"]).split()).upper()
        if value and not cz_account.is_valid(value) and not iban.is_valid(value):
            raise ValidationError(_("This is neither a valid account number nor a valid IBAN."))
        return value


class PolicyForm(HouseModelForm):
    """VAT and dates."""

    language = forms.ChoiceField(label=_("Language of documents"), choices=DOCUMENT_LANGUAGES)
    issue_date = forms.ChoiceField(
        label=_("Date of issue"),
        choices=[
            (IssueDate.TODAY.value, _("the day of issuing")),
            (IssueDate.ORDER_DATE.value, _("date of the order")),
            (IssueDate.PAYMENT_DATE.value, _("date of payment")),
            (IssueDate.STATUS_DATE.value, _("date of the last change of status")),
        ],
    )
    taxable_date = forms.ChoiceField(
        label=_("Date of taxable supply (DUZP)"),
        choices=[
            (TaxableDate.ISSUE_DATE.value, _("date of issue")),
            (TaxableDate.ORDER_DATE.value, _("date of the order")),
            (TaxableDate.PAYMENT_DATE.value, _("date of payment")),
            (
                TaxableDate.PAYMENT_IF_EARLIER.value,
                _("date of payment if it is earlier than issue"),
            ),
        ],
    )
    due_by_payment = forms.CharField(
        label=_("Due days by payment method"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "bacs = 14\ncod = 0"}),
        help_text=_("One method a line, for example “cod = 0”; the star stands for anything."),
    )

    class Meta:
        model = Company
        fields = (
            "language", "currency", "time_zone", "issue_date", "taxable_date", "due_days",
            "vat_conflict", "refund_policy", "rate_source",
        )  # fmt: skip
        labels = {
            "currency": _("Home currency"),
            "time_zone": _("Time zone"),
            "due_days": _("Due in days"),
            "vat_conflict": _("The order's VAT summary differs from its rows by rounding"),
            "refund_policy": _("A refund of an amount without rows, over several VAT rates"),
            "rate_source": _("Exchange rates"),
        }
        widgets = {"rate_source": forms.Select()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rate_source"] = forms.ChoiceField(
            label=_("Exchange rates"),
            choices=[
                ("manual", _("entered by hand")),
                ("cnb", _("Czech National Bank")),
                ("ecb", _("European Central Bank")),
            ],
            widget=forms.Select(attrs={"class": "form-select"}),
        )
        days = self.instance.due_days_by_payment or {}
        self.initial["due_by_payment"] = "\n".join(f"{name} = {n}" for name, n in days.items())

    def clean_time_zone(self) -> str:
        value = str(self.cleaned_data["time_zone"])
        if value not in available_timezones():
            raise ValidationError(_("There is no such time zone; for example Europe/Prague."))
        return value

    def clean_currency(self) -> str:
        value = str(self.cleaned_data["currency"]).upper()
        if len(value) != 3 or not value.isalpha():
            raise ValidationError(_("A currency has three letters, for example CZK."))
        return value

    def clean_due_by_payment(self) -> dict[str, int]:
        days: dict[str, int] = {}
        for line in str(self.cleaned_data["due_by_payment"]).splitlines():
            if not line.strip():
                continue
            name, equals, number = line.partition("=")
            if not equals or not name.strip() or not number.strip().isdigit():
                raise ValidationError(
                    _("“%(line)s” is not “method = days”."), params={"line": line}
                )
            days[name.strip()] = int(number)
        return days

    def save(self, commit: bool = True) -> Company:
        self.instance.due_days_by_payment = self.cleaned_data["due_by_payment"]
        return super().save(commit)  # type: ignore[no-any-return]


class BankAccountForm(HouseModelForm):
    """An account for one currency."""

    class Meta:
        model = BankAccount
        fields = ("currency", "number", "iban", "bic", "bank")
        labels = {
            "currency": _("Currency"),
            "number": _("Account number"),
            "bank": _("Bank"),
        }
        help_texts = {"number": _("With the bank code, for example 19-2000145399/0800.")}

    def clean_currency(self) -> str:
        value = str(self.cleaned_data["currency"]).upper()
        others = self.instance.company.bank_accounts.exclude(pk=self.instance.pk)
        if others.filter(currency=value).exists():
            raise ValidationError(_("This currency already has its account."))
        return value

    def clean_number(self) -> str:
        value = _compact(self.cleaned_data["number"])
        if value and not cz_account.is_valid(value):
            raise ValidationError(_("The check digits do not fit: is there a typing error?"))
        return value

    def clean_iban(self) -> str:
        value = _compact(self.cleaned_data["iban"])
        if value and not iban.is_valid(value):
            raise ValidationError(_("The check digits do not fit: is there a typing error?"))
        return value

    def clean_bic(self) -> str:
        value = _compact(self.cleaned_data["bic"])
        if value and not bic.is_valid(value):
            raise ValidationError(_("A BIC has 8 or 11 characters."))
        return value

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not data.get("number") and not data.get("iban"):
            raise ValidationError(_("Enter the account number or the IBAN."))
        if not self.errors:
            complete(data, self.instance.company.country)
        return data


def complete(data: dict[str, Any], country: str) -> None:
    """Fill in the IBAN and BIC that follow from a domestic account number."""
    if not data.get("number"):
        return
    if not data.get("iban"):
        data["iban"] = to_iban(data["number"], country)
    if not data.get("bic") and country == "CZ":
        try:
            data["bic"] = cz_account.to_bic(data["number"]) or ""
        except NumberError:
            data["bic"] = ""


def to_iban(number: str, country: str) -> str:
    """Turn a Czech or Slovak account number into its IBAN (ISO 13616; both have 24 characters)."""
    home = "SK" if country == "SK" else "CZ"
    account, _slash, bank = cz_account.compact(number).partition("/")
    prefix, dash, root = account.rpartition("-")
    body = f"{bank}{(prefix if dash else ''):0>6}{root:0>10}"
    return f"{home}{iban.calc_check_digits(f'{home}00{body}')}{body}"


class LogoForm(HouseForm):
    """The company's logo: PNG or JPEG up to 1 MB."""

    logo = forms.FileField(
        label=_("Logo"),
        help_text=_("PNG or JPEG, at most 1 MB. It stands at the top of documents."),
    )

    def clean_logo(self) -> bytes:
        file = self.cleaned_data["logo"]
        if file.size > LOGO_LIMIT:
            raise ValidationError(_("The picture is larger than 1 MB."))
        content = bytes(file.read())
        if not content.startswith(_LOGO_SIGNATURES):
            raise ValidationError(_("This is neither a PNG nor a JPEG picture."))
        return content
