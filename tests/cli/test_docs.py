"""The pages on the command line and on the API leave nothing out and promise nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click

from spojka.api.v1 import api
from spojka.cli import preview_company
from spojka.cli.main import COMMANDS, cli
from spojka.core.catalogue import all_entries
from tests.cli.conftest import CAPTURED, Run

DOCS = Path(__file__).parents[2] / "docs"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
        else:
            found.append((*path, name))
    return found


def test_every_command_is_described() -> None:
    assert isinstance(cli, click.Group)
    page = (DOCS / "cli.md").read_text("utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| `spojka ")]
    for path in commands(cli):
        assert any(all(word in row.split("|")[1] for word in path) for row in rows), path
    named = {row.split("`")[1].split()[1] for row in rows}
    assert named == set(COMMANDS)


def test_every_option_of_the_preview_is_described() -> None:
    assert isinstance(cli, click.Group)
    page = (DOCS / "cli.md").read_text("utf-8")
    command = cli.get_command(click.Context(cli), "preview")
    assert command is not None
    for parameter in command.params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert option in page, option


def test_the_company_file_of_the_page_works_and_shows_every_line(run: Run, tmp_path: Path) -> None:
    page = (DOCS / "cli.md").read_text("utf-8")
    [text] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "company.toml"
    file.write_text(text, "utf-8")
    order = CAPTURED / "orders" / "store-06-company-cz.json"
    [result] = run("preview", order, "--company", file, "--json").lines
    assert result["result"] == "document"
    assert set(tomllib.loads(text)) == preview_company.KEYS


def test_every_call_of_the_api_is_described_and_no_other() -> None:
    page = (DOCS / "api.md").read_text("utf-8")
    described = set(re.findall(r"^\| `(GET|POST) (/\S+)` \|", page, re.MULTILINE))
    schema = api.get_openapi_schema(path_prefix="")
    offered = {
        (method.upper(), "/" + path.lstrip("/"))
        for path, operations in schema["paths"].items()
        for method in operations
    }
    assert described == offered


def test_the_page_of_errors_is_that_of_the_catalogue(run: Run) -> None:
    made = run("errors", "--markdown", "--language", "en")
    assert made.code == 0
    page = (DOCS / "errors.md").read_text("utf-8")
    assert page == made.out, "spojka errors --markdown --language en > docs/errors.md"
    for entry in all_entries():
        assert page.count(f"| `{entry.code}` |") == 1
    assert not re.search(r"\{[a-z_]+\}", page)
