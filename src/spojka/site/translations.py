"""Translations of the pages: collect the texts into ``.po`` files, compile them into ``.mo`` files.

``python -m spojka.site.translations`` compiles; ``… update`` collects anew. Both use Babel, so that
nothing but Python is needed (no gettext tools).
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

SOURCES = Path(__file__).resolve().parent.parent
LOCALES = SOURCES / "locale"
LANGUAGES = ("cs", "sk", "en")
SOURCE_LANGUAGE = "en"

_KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}

Id = str | tuple[str, ...]
Found = tuple[str, int, Id, str | None]


def po_file(language: str) -> Path:
    """Return the file with the translations into a language."""
    return LOCALES / language / "LC_MESSAGES" / "django.po"


def load(language: str) -> Catalog:
    """Read the translations into a language."""
    with po_file(language).open("rb") as file:
        return read_po(file, locale=language)


def compile_all() -> None:
    """Compile every language whose translations are newer than what was compiled from them."""
    for language in LANGUAGES:
        source = po_file(language)
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        compiled = io.BytesIO()
        write_mo(compiled, load(language))
        # In one step, so that a server which starts meanwhile never reads half a file.
        unfinished = target.with_suffix(f".{os.getpid()}.tmp")
        unfinished.write_bytes(compiled.getvalue())
        unfinished.replace(target)


def collect() -> Catalog:
    """Collect every text that the sources mark for translation."""
    catalog = Catalog(project="Spojka", charset="utf-8")
    for name, line, message, context in sorted(_found(), key=lambda one: (one[0], one[1])):
        catalog.add(message, locations=[(name, line)], context=context)
    return catalog


def _found() -> Iterator[Found]:
    for path in sorted(SOURCES.rglob("*.py")):
        if "migrations" in path.parts:
            continue
        name = path.relative_to(SOURCES).as_posix()
        with path.open("rb") as file:
            for line, message, _comments, context in extract("python", file, keywords=_KEYWORDS):
                yield name, line, message, context
    for path in sorted((SOURCES / "web" / "templates").rglob("*.html")):
        yield from _in_template(path)


def _in_template(path: Path) -> Iterator[Found]:
    """Read a template's texts off its parsed nodes: what Django would look up, nothing else."""
    from django.template import Template
    from django.templatetags.i18n import BlockTranslateNode, TranslateNode

    name = path.relative_to(SOURCES).as_posix()
    nodes: Any = Template(path.read_text("utf-8")).nodelist
    for node in nodes.get_nodes_by_type(TranslateNode):
        literal = node.filter_expression.var
        text = literal if isinstance(literal, str) else literal.literal
        if isinstance(text, str):
            yield name, node.token.lineno, str(text), None
    for block in nodes.get_nodes_by_type(BlockTranslateNode):
        singular, _variables = block.render_token_list(block.singular)
        if block.plural:
            plural, _variables = block.render_token_list(block.plural)
            yield name, block.token.lineno, (singular, plural), None
        else:
            yield name, block.token.lineno, singular, None


def update() -> None:
    """Bring the ``.po`` files up to date; new texts stay untranslated, unused ones are removed."""
    template = collect()
    for language in LANGUAGES:
        path = po_file(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalog = load(language) if path.exists() else Catalog(locale=language, project="Spojka")
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        if language == SOURCE_LANGUAGE:
            _fill_in(catalog)
        _sign(catalog, language)
        with path.open("wb") as file:
            write_po(file, catalog, width=100, sort_by_file=False, include_lineno=False)


def _sign(catalog: Catalog, language: str) -> None:
    """Say what the file is. A catalogue whose head is marked as fuzzy is skipped by other tools."""
    catalog.fuzzy = False
    catalog.project, catalog.version = "Spojka", ""
    catalog.header_comment = f"# Texts of Spojka in {language}; licensed as Spojka is."
    catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
    catalog.revision_date = catalog.creation_date


def _fill_in(catalog: Iterable[Message]) -> None:
    for message in catalog:
        if message.id:
            message.string = message.id


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    if arguments == ["update"]:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spojka.site.settings")
        import django

        django.setup()
        update()
    elif arguments:
        sys.stderr.write("usage: python -m spojka.site.translations [update]\n")
        return 2
    compile_all()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
