"""Finds accounting systems: built-in ones by their folder, others by the entry-point group.

A system is a folder of this package with a module ``system`` that has ``SYSTEM``; a system of
another package is an entry point in the group ``spojka.accounting`` that loads its ``SYSTEM``. What
lies beside the module belongs to it: ``errors.toml`` (its errors), and ``simulator`` with a class
``SIMULATOR`` (its other side, to be tried without an account).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import MappingProxyType

import spojka.accounting
from spojka.accounting.contract import System
from spojka.accounting.errors import ErrorBook
from spojka.accounting.simulator import Simulator
from spojka.core import catalogue

GROUP = "spojka.accounting"


class UnknownSystemError(KeyError):
    """There is no accounting system of this key."""


def _found() -> Iterator[System]:
    # Looked for in the folders and not by importing them: the contract suite among them needs
    # pytest, which no installation has.
    for folder in spojka.accounting.__path__:
        for module in pkgutil.iter_modules([folder]):
            if module.ispkg and PathFinder.find_spec("system", [f"{folder}/{module.name}"]):
                name = f"spojka.accounting.{module.name}.system"
                yield importlib.import_module(name).SYSTEM
    for point in entry_points(group=GROUP):
        yield point.load()


@cache
def systems() -> Mapping[str, System]:
    """Return all systems by key.

    Raises:
        ValueError: two systems claim one key.
    """
    found: dict[str, System] = {}
    for system in _found():
        key = system.descriptor.key
        if key in found:
            raise ValueError(f"two accounting systems are called {key!r}")
        found[key] = system
    return MappingProxyType(found)


def system(key: str) -> System:
    """Return the system of this key.

    Raises:
        UnknownSystemError: there is none.
    """
    try:
        return systems()[key]
    except KeyError:
        raise UnknownSystemError(key) from None


def package_of(key: str) -> str:
    """Return the name of the package that the system's module lies in.

    Raises:
        UnknownSystemError: there is no such system.
    """
    return type(system(key)).__module__.rpartition(".")[0]


@cache
def simulator(key: str) -> type[Simulator] | None:
    """Return the simulator of a system; ``None`` where it has none.

    Raises:
        UnknownSystemError: there is no such system.
    """
    name = f"{package_of(key)}.simulator"
    if package_of(key) == "" or find_spec(name) is None:
        return None
    found: type[Simulator] = importlib.import_module(name).SIMULATOR
    return found


def _entries() -> Iterable[catalogue.Entry]:
    for key in systems():
        if package_of(key):
            yield from ErrorBook.of(package_of(key)).entries


catalogue.provide(_entries)
