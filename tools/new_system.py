"""Writes the folder of a new accounting system: the worked example of docs/add-a-system.md.

    python3 tools/new_system.py KEY NAME [FOLDER]

KEY is a word of small letters and digits, such as ``kniha``; NAME is how people call it. Without
FOLDER it is written among the built-in systems, and found there. Needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
from keyword import iskeyword
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "add-a-system.md"
SYSTEMS = ROOT / "src" / "spojka" / "accounting"
_BLOCK = re.compile(r"(?ms)^```(?:python|toml)\n# ([\w/]+\.(?:py|toml))\n(.*?)^```")


def write(key: str, name: str, folder: Path = SYSTEMS) -> Path:
    """Write the example under another name; return its folder.

    Raises:
        ValueError: the key is no such word, or the name cannot stand in a text of the code.
        FileExistsError: there is a system of this key.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*", key) or iskeyword(key):
        raise ValueError(f"{key!r} is not a word of small letters and digits")
    if not name.isprintable() or not name.strip() or set(name) & set('"\\{}'):
        raise ValueError(f"{name!r} cannot be written into the code")
    renamed = {
        "class Kniha:": f"class {key.capitalize()}:",
        "Kniha()": f"{key.capitalize()}()",
        "KnihaSimulator": f"{key.capitalize()}Simulator",
        "TestKniha": f"Test{key.capitalize()}",
        "KNIHA": key.upper(),
        "Kniha": name,
        "kniha": key,
    }
    example = re.compile("|".join(map(re.escape, renamed)))
    made = folder / key
    (made / "tests").mkdir(parents=True, exist_ok=False)
    (made / "__init__.py").write_text(f'"""{name} as an accounting system."""\n', "utf-8")
    (made / "tests" / "__init__.py").write_text("", "utf-8")
    for path, code in _BLOCK.findall(GUIDE.read_text("utf-8")):
        ours = example.sub(lambda found: renamed[found[0]], code)
        (made / path).write_text(ours, "utf-8")
    return made


def main(arguments: list[str]) -> int:
    """Run the tool; return its exit code."""
    if len(arguments) not in {2, 3}:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    key, name, *folder = arguments
    try:
        made = write(key, name, *map(Path, folder))
    except (ValueError, FileExistsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{made}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
