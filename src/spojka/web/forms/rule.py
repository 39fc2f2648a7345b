"""The form of one rule: conditions chosen from what the stored orders really contain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from spojka.accounting import registry
from spojka.companies.models import Company
from spojka.connections import loading
from spojka.connections.models import Connection
from spojka.connections.systems import OWN
from spojka.core import rules as core_rules
from spojka.core.catalogue import explain
from spojka.core.dates import IssueDate
from spojka.core.descriptor import say
from spojka.core.document import Kind
from spojka.core.rules import Conditions, Rule
from spojka.documents.models import KINDS, Series
from spojka.shops.registry import sources
from spojka.web.formats import language
from spojka.web.forms.base import COUNTRIES, DOCUMENT_LANGUAGES, HouseForm

LATEST = 1000
"""Of so many orders the values are offered to choose from; any other can be typed."""
_SEEN = (
    "status",
    "country",
    "currency",
    "current__content__payment_method",
    "payment_title",
    "current__content__shipping_method",
    "shipping_title",
)
ANY = ("", _("any"))
YES_NO = (ANY, ("true", _("yes")), ("false", _("no")))
LISTS = ("statuses", "payment_methods", "shipping_methods", "countries", "currencies", "shops")
PATTERNS = {
    "more_statuses": "statuses",
    "more_payment": "payment_methods",
    "more_shipping": "shipping_methods",
    "more_countries": "countries",
    "more_currencies": "currencies",
}


def _boxes(label: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, required=False, widget=forms.CheckboxSelectMultiple
    )


def _more(example: str) -> forms.CharField:
    return forms.CharField(
        label=_("Others, with commas"),
        required=False,
        widget=forms.TextInput(attrs={"placeholder": example}),
    )


class RuleForm(HouseForm):
    """A row of the rules. What is left empty holds for every order."""

    name = forms.CharField(label=_("Name"), max_length=100)
    kind = forms.ChoiceField(label=_("Document"), choices=KINDS)
    enabled = forms.BooleanField(label=_("Switched on"), required=False, initial=True)
    statuses = _boxes(_("Order status"))
    more_statuses = _more("shipped")
    payment_methods = _boxes(_("Payment method"))
    more_payment = _more("gopay*")
    shipping_methods = _boxes(_("Shipping method"))
    more_shipping = _more("flat_rate*")
    countries = _boxes(_("Country"))
    more_countries = _more("EU, !CZ")
    currencies = _boxes(_("Currency"))
    more_currencies = _more("PLN")
    shops = _boxes(_("Shop"))
    paid = forms.ChoiceField(label=_("Order is paid"), choices=YES_NO, required=False)
    business = forms.ChoiceField(label=_("Customer is a business"), choices=YES_NO, required=False)
    min_total = forms.DecimalField(label=_("Amount at least"), required=False, localize=True)
    max_total = forms.DecimalField(label=_("Amount at most"), required=False, localize=True)
    connection = forms.ChoiceField(label=_("Issue in"), required=False)
    series = forms.ChoiceField(label=_("Series of numbers"), required=False)
    issued_on = forms.ChoiceField(
        label=_("Date of issue"),
        required=False,
        choices=[
            ("", _("as the company has it set")),
            (IssueDate.TODAY.value, _("the day of issuing")),
            (IssueDate.ORDER_DATE.value, _("date of the order")),
            (IssueDate.PAYMENT_DATE.value, _("date of payment")),
            (IssueDate.STATUS_DATE.value, _("date of the last change of status")),
        ],
    )
    email = forms.ChoiceField(
        label=_("Send by e-mail"),
        required=False,
        choices=[("", _("as the company has it set")), ("true", _("yes")), ("false", _("no"))],
    )
    language = forms.ChoiceField(
        label=_("Language of the document"),
        required=False,
        choices=[("", _("by the order")), *DOCUMENT_LANGUAGES],
    )
    prefill = forms.CharField(
        label=_("Prefilled fields"),
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 3, "placeholder": "note_above = Order {order.number}"}
        ),
        help_text=_("One field a line, “field = text”; variables in braces are listed in Help."),
    )

    def __init__(self, *args: Any, company: Company, rule: Rule | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.rule = rule
        choices = seen(company)
        conditions = rule.conditions if rule else Conditions()
        for name in LISTS:
            wanted = set(getattr(conditions, name))
            offered = dict(choices[name])
            field: Any = self.fields[name]
            field.choices = list(offered.items())
            self.initial[name] = [value for value in wanted if value in offered]
            for more, target in PATTERNS.items():
                if target == name:
                    self.initial[more] = ", ".join(sorted(wanted - set(offered)))
        self.connections = _connections(company)
        where: Any = self.fields["connection"]
        where.choices = [
            ("", _("the usual connection")),
            *((str(row.pk), _label(row)) for row in self._offered(rule)),
        ]
        series: Any = self.fields["series"]
        series.choices = [("", _("the usual one of its kind")), *self._series(company)]
        if rule is not None:
            self._fill(rule)

    def _offered(self, rule: Rule | None) -> list[Connection]:
        """Return the connections to choose from: those in use, and whichever is chosen already."""
        chosen = rule.connection if rule else ""
        return [row for row in self.connections if row.pk and (row.active or str(row.pk) == chosen)]

    def _series(self, company: Company) -> Iterator[tuple[Any, list[tuple[str, str]]]]:
        """Yield the series of each connection; their values say whose they are."""
        for row in self.connections:
            if row.system == OWN:
                own = Series.objects.filter(company=company, active=True)
                rows = [(str(one.pk), str(one)) for one in own]
            else:
                rows = [(one.id, one.name) for one in loading.loaded(row).series]
            if rows:
                yield row.name, [(f"{row.pk}:{value}", label) for value, label in rows]

    def _series_value(self, rule: Rule) -> str:
        """Return a rule's series as the form has it."""
        if not rule.series:
            return ""
        named = [row for row in self.connections if str(row.pk) == rule.connection]
        usual = [row for row in self.connections if row.default]
        row = next(iter(named or usual), None)
        return f"{row.pk}:{rule.series}" if row else ""

    def _fill(self, rule: Rule) -> None:
        conditions = rule.conditions
        self.initial.update(
            name=rule.name,
            kind=rule.kind.value,
            enabled=rule.enabled,
            paid=_tri(conditions.paid),
            business=_tri(conditions.business),
            min_total=conditions.min_total,
            max_total=conditions.max_total,
            connection=rule.connection,
            series=self._series_value(rule),
            issued_on=rule.issued_on.value if rule.issued_on else "",
            email=_tri(rule.email),
            language=rule.language,
            prefill="\n".join(f"{name} = {text}" for name, text in rule.prefill.items()),
        )

    def clean_prefill(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in str(self.cleaned_data["prefill"]).splitlines():
            name, equals, text = line.partition("=")
            if line.strip() and not equals:
                raise ValidationError(_("“%(line)s” is not “field = text”."), params={"line": line})
            if name.strip():
                found[name.strip()] = text.strip()
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        whose, _colon, _series = str(data.get("series", "")).partition(":")
        if whose and data.get("connection") not in ("", whose):
            self.add_error("series", _("This series belongs to another connection."))
        if not self.errors:
            for problem in core_rules.problems(self.made()):
                explained = explain(problem, language())
                self.add_error(None, f"{explained.cause} {explained.fix} ({explained.code})")
        return data

    def made(self) -> Rule:
        """Return the rule as entered."""
        data = self.cleaned_data
        whose, _colon, series = data["series"].partition(":")
        lists = {name: tuple(dict.fromkeys([*data[name], *self._extra(name)])) for name in LISTS}
        return Rule(
            id=self.rule.id if self.rule else "new",
            name=data["name"],
            kind=Kind(data["kind"]),
            conditions=Conditions(
                **lists,
                paid=_bool(data["paid"]),
                business=_bool(data["business"]),
                min_total=data["min_total"],
                max_total=data["max_total"],
            ),
            enabled=data["enabled"],
            connection=data["connection"] or self._implied(whose),
            series=series,
            issued_on=IssueDate(data["issued_on"]) if data["issued_on"] else None,
            email=_bool(data["email"]),
            language=data["language"],
            prefill=data["prefill"],
        )

    def _implied(self, whose: str) -> str:
        """Return the connection that a series was chosen of, unless it is the usual one."""
        row = next((row for row in self.connections if str(row.pk) == whose), None)
        return whose if row is not None and not row.default else ""

    def _extra(self, name: str) -> list[str]:
        return [
            part.strip()
            for more, target in PATTERNS.items()
            if target == name
            for part in self.cleaned_data[more].split(",")
            if part.strip()
        ]


def _connections(company: Company) -> list[Connection]:
    """Return the company's connections; its own issuer is always among them, stored or not."""
    rows = list(company.connections.order_by("position", "pk"))
    if not any(row.system == OWN for row in rows):
        default = not any(row.default for row in rows)
        name = registry.system(OWN).descriptor.name
        rows.insert(0, Connection(company=company, system=OWN, name=name, default=default))
    return rows


def _label(connection: Connection) -> str:
    return f"{connection.name} – {_('not active')}" if not connection.active else connection.name


def _tri(value: bool | None) -> str:
    return "" if value is None else "true" if value else "false"


def _bool(text: str) -> bool | None:
    return None if not text else text == "true"


def seen(company: Company) -> dict[str, list[tuple[str, Any]]]:
    """Return the values to choose from: those of late orders, and the platforms' statuses."""
    latest = company.orders.order_by("-ordered_at", "-id").values_list(*_SEEN)[:LATEST]
    columns = list(zip(*latest, strict=True)) or [()] * len(_SEEN)
    used_statuses, used_countries, used_currencies, *methods = columns
    shops = list(company.shops.all())
    tongue = language()
    statuses = {
        key: say(label, tongue)
        for shop in shops
        if shop.platform in sources()
        for key, label in sources()[shop.platform].descriptor.statuses
    }
    for status in _distinct(used_statuses):
        statuses.setdefault(status, status)
    countries = dict(COUNTRIES)
    country_codes = {company.country: 1} | _distinct(used_countries)
    currencies = {company.currency: 1} | _distinct(used_currencies)
    return {
        "statuses": [(key, f"{label} ({key})") for key, label in statuses.items()],
        "payment_methods": _titled(methods[0], methods[1]),
        "shipping_methods": _titled(methods[2], methods[3]),
        "countries": [(code, countries.get(code, code)) for code in country_codes],
        "currencies": [(code, code) for code in currencies],
        "shops": [(str(shop.pk), shop.name) for shop in shops],
    }


def _distinct(values: Iterable[str]) -> dict[str, int]:
    return {value: 1 for value in sorted(set(values)) if value}


def _titled(keys: Iterable[str | None], titles: Iterable[str]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for key, label in zip(keys, titles, strict=True):
        if key:
            found.setdefault(key, f"{label} ({key})" if label and label != key else key)
    return sorted(found.items())
