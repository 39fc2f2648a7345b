"""Names of files that hold documents."""

from __future__ import annotations

import re
import unicodedata

_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]+")
# Windows keeps these names for devices, whatever the extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?\Z", re.IGNORECASE)
_LONGEST = 80


def file_name(text: str, extension: str) -> str:
    """Return a file name that is safe on every system, for example ``FA2026001.pdf``.

    Accents are taken off and everything but ASCII letters, digits, ``-``, ``_`` and ``.`` becomes
    a hyphen, so that a number such as ``2026/001`` or ``../x`` can name no folder.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    safe = _UNSAFE.sub("-", plain).strip("-._")[:_LONGEST].rstrip("-._")
    if not safe or _RESERVED.match(safe):
        safe = f"document-{safe}" if safe else "document"
    return f"{safe}.{extension}"
