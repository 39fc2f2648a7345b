"""A new accounting system is one folder, and no edit anywhere else: all faces know it at once."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

import spojka.accounting
from spojka.accounting import registry
from spojka.accounting.serving import Serving
from spojka.cli.main import main
from spojka.companies.models import Company
from spojka.connections.models import Connection
from spojka.engine import runner
from tests.accounting.conftest import forget
from tests.web.conftest import BACKEND, CAPTURED, log_in

FOLDER = Path(__file__).parent.parent / "accounting" / "denik"
PASSWORD = "a sentence to remember"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """The folder lies among the systems; that is all."""
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8"]
    shutil.copytree(FOLDER, tmp_path / "systems" / "denik")
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        path = [*spojka.accounting.__path__, str(tmp_path / "systems")]
        patch.setattr(spojka.accounting, "__path__", path)
        forget()
        assert registry.package_of("denik") == "spojka.accounting.denik"
        yield
    for name in set(sys.modules) - before:
        if name.startswith("spojka.accounting.denik"):
            del sys.modules[name]
    vars(spojka.accounting).pop("denik", None)
    forget()


@pytest.fixture
def owner(make_company: Callable[..., Company]) -> Client:
    """An owner who has a password."""
    client = log_in(make_company())
    user = User.objects.get()
    user.set_password(PASSWORD)
    user.save()
    client.force_login(user, backend=BACKEND)
    return client


def of_company(address: str) -> str:
    return f"/c/{Company.objects.get().pk}/{address}"


def post(client: Client, address: str, data: dict[str, str]) -> None:
    """Post a form; enter the password where it is asked for."""
    answer = client.post(address, data)
    sealed = re.search(r'name="confirm_sealed" value="([^"]+)"', answer.content.decode())
    if sealed is not None:
        again = {"confirm_password": PASSWORD, "confirm_sealed": sealed[1]}
        answer = client.post(address, again)
    assert answer.status_code == 302, answer.content.decode()[:2000]


def shown(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_is_offered_connected_and_active(owner: Client) -> None:
    assert "Documents in a toy." in shown(owner, of_company("settings/accounting/"))
    form = shown(owner, of_company("settings/accounting/new/denik/"))
    for words in ("Login e-mail", "Secret key", "Is shown once.", "Settings › API"):
        assert words in form
    made = registry.simulator("denik")
    assert made is not None
    simulator = made()
    with Serving(simulator) as server:
        fields = simulator.credentials(server.address)
        data = {f"field-{key}": value for key, value in fields.items()}
        post(owner, of_company("settings/accounting/new/denik/"), {**data, "name": "Můj deník"})
        runner.run_until_idle(20)
    connection = Connection.objects.get(system="denik")
    assert connection.active and connection.name == "Můj deník"
    page = shown(owner, of_company(f"settings/accounting/{connection.pk}/"))
    assert "Můj deník" in page and "Vzorová firma s.r.o., 27074358" in page
    assert fields["secret"] not in page


def test_it_can_be_tried_without_an_account(owner: Client) -> None:
    post(owner, of_company("settings/accounting/try/denik/"), {})
    runner.run_until_idle(20)
    connection = Connection.objects.get(system="denik")
    assert connection.simulated and connection.active


def test_help_knows_its_form_and_its_errors(owner: Client) -> None:
    page = shown(owner, "/help/systems/denik/")
    assert "Deník" in page and "Settings › API" in page
    errors = shown(owner, "/help/errors/")
    assert "SPJ-DENIK-PLAN" in errors and "The plan of Deník does not include the API." in errors


def test_the_command_line_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulator", "--list", "--json"]) == 0
    assert "denik" in [row["key"] for row in json.loads(capsys.readouterr().out)]
    assert main(["errors", "SPJ-DENIK-PLAN", "--language", "sk"]) == 0
    assert "Program Deníka nezahŕňa API." in capsys.readouterr().out
    order = CAPTURED / "store-06-company-cz.json"
    assert main(["preview", str(order), "--system", "denik", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    (request,) = result["requests"]
    assert (request["method"], request["url"]) == ("POST", "https://api.denik.example/documents")
    assert result["predicted"]["total"] == result["document"]["total"]
