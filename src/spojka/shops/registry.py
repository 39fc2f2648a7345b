"""The order sources there are: one folder each here, or an entry point of another package.

Built-in platforms and those of other packages are the same to everything above.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType

import spojka.shops
from spojka.shops.contract import Source

GROUP = "spojka.shops"
"""Entry-point group; each entry names a :class:`~spojka.shops.contract.Source`."""


class UnknownSourceError(LookupError):
    """No order source has this key; ``known`` are the keys there are."""

    def __init__(self, key: str, known: tuple[str, ...]) -> None:
        super().__init__(f"unknown order source {key!r}; known are {', '.join(known)}")
        self.key = key
        self.known = known


@cache
def sources() -> Mapping[str, Source]:
    """Return all order sources by key. A built-in one wins over another package's."""
    found: dict[str, Source] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        source: Source = entry.load()
        found[source.descriptor.key] = source
    for folder in pkgutil.iter_modules(spojka.shops.__path__):
        if folder.ispkg:
            source = import_module(f"spojka.shops.{folder.name}.source").SOURCE
            found[source.descriptor.key] = source
    return MappingProxyType(dict(sorted(found.items())))


def source(key: str) -> Source:
    """Return one order source.

    Raises:
        UnknownSourceError: there is none of this key.
    """
    known = sources()
    if key not in known:
        raise UnknownSourceError(key, tuple(known))
    return known[key]
