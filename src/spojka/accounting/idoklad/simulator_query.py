"""iDoklad's query language, as its simulator reads it: filters, sorting, pages.

``filter=((A~eq~1)~and~(B~ct:base64~…))``: operators ``eq !eq lt lte gt gte ct !ct ss``, values
plain or, with ``:base64``, encoded. A value in quotation marks is looked for with them. A field
that a resource cannot be filtered by is refused.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

SAME = frozenset({"eq", "!eq"})
COMPARED = SAME | {"lt", "lte", "gt", "gte"}
CONTAINED = SAME | {"ct", "!ct"}
SEARCHED = CONTAINED | {"ss"}
LARGEST_PAGE = 200
USUAL_PAGE = 20

_TERM = re.compile(r"(?P<field>\w+)~(?P<op>!?[a-z]+)(?P<coded>:base64)?~(?P<value>.*)", re.DOTALL)


class QueryError(ValueError):
    """The query is not one that the resource understands."""


def parse(text: str, fields: Mapping[str, frozenset[str]]) -> Test:
    """Return the test that a filter stands for.

    Raises:
        QueryError: it is no filter, or names a field or an operator that the resource has not.
    """
    text = text.strip()
    if not text:
        return lambda _row: True
    parts = _split(text)
    if len(parts) == 1:
        inner = parts[0]
        if inner.startswith("("):
            return parse(inner[1:-1], fields)
        return _term(inner, fields)
    words = set(parts[1::2])
    if len(words) != 1 or not words <= {"and", "or"}:
        raise QueryError(f"cannot be combined: {text}")
    tests = [parse(part, fields) for part in parts[0::2]]
    if words == {"and"}:
        return lambda row: all(test(row) for test in tests)
    return lambda row: any(test(row) for test in tests)


def _split(text: str) -> list[str]:
    """Divide ``(A)~and~(B)`` into its parts; what is no combination stays one part."""
    if not text.startswith("("):
        return [text]
    parts: list[str] = []
    depth = start = 0
    for at, sign in enumerate(text):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0 and sign == ")":
            parts.append(text[start : at + 1])
            following = re.match(r"~(\w+)~(?=\()", text[at + 1 :])
            if following is None:
                if text[at + 1 :].strip():
                    raise QueryError(f"not understood: {text[at + 1 :]}")
                return parts
            parts.append(following.group(1))
            start = at + 1 + following.end()
    raise QueryError("a bracket is not closed")


def _term(text: str, fields: Mapping[str, frozenset[str]]) -> Test:
    found = _TERM.fullmatch(text)
    if found is None:
        raise QueryError(f"not understood: {text}")
    field, op, value = found["field"], found["op"], found["value"]
    if field not in fields:
        raise QueryError(f"cannot be filtered by {field}")
    if op not in fields[field]:
        raise QueryError(f"{field} has no operator {op}")
    if found["coded"]:
        try:
            value = b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise QueryError(f"not base64: {value}") from None
    return lambda row: _holds(op, row.get(field), value)


def _holds(op: str, found: Any, value: str) -> bool:
    if op.startswith("!"):
        return not _holds(op[1:], found, value)
    if op in {"ct", "ss"}:
        return value.casefold() in str(found or "").casefold()
    if op == "eq":
        return _text(found).casefold() == value.casefold()
    left, right = _moment(_text(found)), _moment(value)
    return {
        "lt": left < right,
        "lte": left <= right,
        "gt": left > right,
        "gte": left >= right,
    }[op]


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _moment(text: str) -> str:
    """Return a time in a form that compares as text: theirs with T, the filter's with a space."""
    return text.replace(" ", "T").ljust(23, "0") if len(text) > 10 else text + "T00:00:00.000"


def page(rows: Sequence[Row], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the page of a list that is asked for.

    Raises:
        QueryError: the page is none, or is larger than allowed.
    """
    number, size = _count(query, "page", 1), _count(query, "pageSize", USUAL_PAGE)
    if size > LARGEST_PAGE:
        raise QueryError(f"pageSize is at most {LARGEST_PAGE}")
    start = (number - 1) * size
    return {
        "Items": list(rows[start : start + size]),
        "TotalItems": len(rows),
        "TotalPages": -(-len(rows) // size),
    }


def _count(query: Mapping[str, str], name: str, usual: int) -> int:
    text = query.get(name, str(usual))
    if not text.isdecimal() or int(text) < 1:
        raise QueryError(f"{name} is not a number: {text}")
    return int(text)


def ordered(rows: Sequence[Row], sort: str) -> list[Row]:
    """Sort rows by ``Field~Asc|Other~Desc``.

    Raises:
        QueryError: it is no order.
    """
    found = list(rows)
    for part in reversed(sort.split("|") if sort else []):
        field, _, direction = part.strip("()").partition("~")
        if direction.lower() not in {"asc", "desc"} or not field:
            raise QueryError(f"cannot be sorted by {part}")
        found.sort(key=lambda row: _sortable(row.get(field)), reverse=direction.lower() == "desc")
    return found


def _sortable(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, int) else (1, _text(value))
