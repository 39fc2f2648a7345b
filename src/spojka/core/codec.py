"""Write the core's dataclasses as plain JSON and read them back exactly.

Amounts become strings, times ISO 8601 with offset, dates ISO 8601. Fields that are unknown (written
by a newer version) are left out when reading; missing ones take their defaults.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
_Loader = Callable[[Any], Any]
_PLAIN = frozenset({str, int, bool, type(None)})


def dump(value: Any) -> Any:
    """Return ``value`` as JSON-ready data."""
    kind: Any = type(value)
    if kind in _PLAIN:  # most values are
        return value
    names = _names(kind)
    if names is not None:
        return {name: dump(getattr(value, name)) for name in names}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (tuple, list)):
        return [dump(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    return value


def load(cls: type[T], data: Any) -> T:
    """Read what :func:`dump` wrote for an instance of ``cls``."""
    return typing.cast(T, _loader(typing.cast(Any, cls))(data))


@cache
def _names(kind: type) -> tuple[str, ...] | None:
    """Return the names of a dataclass's fields; ``None`` for what is none."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def _loader(kind: Any) -> _Loader:
    """Return what reads values of a type; found out once, because very many are read."""
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        return _optional(next(arg for arg in typing.get_args(kind) if arg is not type(None)))
    if origin is tuple:
        return _tuple(typing.get_args(kind))
    if origin is not None:
        return lambda data: types.MappingProxyType(dict(data))
    if dataclasses.is_dataclass(kind):
        return _dataclass(typing.cast(type, kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if kind is Decimal:
        return Decimal
    if kind is datetime:
        return datetime.fromisoformat
    if kind is date:
        return date.fromisoformat
    return lambda data: data


def _optional(kind: Any) -> _Loader:
    inner = _loader(kind)
    return lambda data: None if data is None else inner(data)


def _tuple(args: tuple[Any, ...]) -> _Loader:
    if len(args) == 2 and args[1] is Ellipsis:
        inner = _loader(args[0])
        return lambda data: tuple(inner(item) for item in data)
    parts = [_loader(arg) for arg in args]
    return lambda data: tuple(part(item) for part, item in zip(parts, data, strict=True))


def _dataclass(cls: type) -> _Loader:
    hints = typing.get_type_hints(cls)
    parts = {field.name: _loader(hints[field.name]) for field in dataclasses.fields(cls)}
    return lambda data: cls(
        **{name: parts[name](item) for name, item in data.items() if name in parts}
    )
