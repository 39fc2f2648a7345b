"""PDF/A-3b through Typst, with fonts out of an installed package.

Typst gets the document as data, never as markup, so that no name can break or steer the page. The
same input gives the same bytes: no system fonts, and the date of issue as the file's date.
"""

from __future__ import annotations

import atexit
import functools
import json
import threading
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date
from importlib import resources
from typing import Any

from spojka.core.problem import Problem
from spojka.documents.rendering import press
from spojka.documents.rendering.glyphs import printable
from spojka.documents.rendering.supply import RenderError
from spojka.documents.rendering.view import View

_files = ExitStack()
atexit.register(_files.close)
_unpacking = threading.Lock()


class _Place:
    """Where pages are set: in this process, unless there is a press."""

    press: press.Press | None = None


def use_press() -> None:
    """Set all further pages of this process in one of its own; see :mod:`.press`."""
    if _Place.press is None:
        _Place.press = press.Press()
        atexit.register(_Place.press.close)


@functools.cache
def _fonts() -> str:
    folder = resources.files("font_source_sans_pro") / "files"
    return str(_files.enter_context(resources.as_file(folder)))


@functools.cache
def _template(name: str) -> str:
    source = resources.files("spojka.documents.rendering") / name
    return str(_files.enter_context(resources.as_file(source)))


def _compile(template: str, inputs: dict[str, str], day: date) -> bytes:
    with _unpacking:
        path, fonts = _template(template), _fonts()
    if _Place.press is not None:
        try:
            return _Place.press.set_page(path, fonts, inputs, day)
        except press.StoppedError:
            pass  # done here, then: slower, but done
    return press.set_page(path, fonts, inputs, day)


@functools.lru_cache(maxsize=4096)
def drawable(characters: str) -> bool:
    """Tell whether the document's fonts have a glyph for every one of the characters."""
    try:
        _compile("glyphs.typ", {"text": characters}, date(2000, 1, 1))
    except press.PressError:
        return False
    return True


def compile_pdf(view: View, *, day: date, logo: bytes | None, isdoc: bytes | None) -> bytes:
    """Lay out a document.

    Args:
        view: the words and figures.
        day: date of issue, which becomes the file's creation date.
        logo: PNG, JPEG, GIF, WebP or SVG image.
        isdoc: ISDOC of the same document (UTF-8), embedded as ``invoice.isdoc``.

    Raises:
        RenderError: SPJ-LOGO-UNREADABLE, the logo is not an image; SPJ-ISDOC-UNREADABLE, the
            ISDOC is not UTF-8 text; SPJ-PDF-FAILED, the page could not be laid out.
    """
    inputs = {"view": json.dumps(_printable(asdict(view)), ensure_ascii=False)}
    if isdoc is not None:
        try:
            inputs["isdoc"] = isdoc.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RenderError(
                Problem.of("SPJ-ISDOC-UNREADABLE", number=view.number, detail=error.reason)
            ) from error
    if logo:
        inputs["logo"] = _logo(logo, day)
    try:
        return _compile("document.typ", inputs, day)
    except press.PressError as error:
        raise RenderError(
            Problem.of("SPJ-PDF-FAILED", number=view.number, detail=str(error))
        ) from error


def _logo(logo: bytes, day: date) -> str:
    """Encode a logo for the template after trying it alone, so that a bad one is named as such."""
    encoded = json.dumps(list(logo), separators=(",", ":"))
    try:
        _compile("glyphs.typ", {"text": "", "logo": encoded}, day)
    except press.PressError as error:
        raise RenderError(Problem.of("SPJ-LOGO-UNREADABLE", detail=str(error))) from error
    return encoded


def _printable(value: Any) -> Any:
    """Replace what the fonts cannot draw in every text of the view, but not in the QR image."""
    if isinstance(value, str):
        return printable(value, drawable)
    if isinstance(value, dict):
        return {key: item if key == "qr" else _printable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(item) for item in value]
    return value
