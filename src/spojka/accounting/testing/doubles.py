"""What the database gives to adapters in an installation, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from spojka.core.outcome import ThrottledError
from spojka.core.problem import Problem


class MemoryTokens:
    """One token; it knows the time, so that an ended one is not handed out."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._token: str | None = None
        self._expires_at: datetime | None = None
        self.seen: set[str] = set()
        """Every token there ever was: none of them may be recorded."""
        self.hide: Callable[[str], None] = lambda _token: None

    def get(self) -> str | None:
        if self._expires_at is None or self._expires_at <= self._clock():
            return None
        if self._token is not None:
            self.hide(self._token)
        return self._token

    def put(self, token: str, expires_at: datetime) -> None:
        if expires_at.tzinfo is None:
            raise ValueError("a token ends at an aware time")
        self.hide(token)
        self.seen.add(token)
        self._token, self._expires_at = token, expires_at

    def forget(self, token: str | None = None) -> None:
        if token is None or token == self._token:
            self._token = None
            self._expires_at = None


class MemoryBudget:
    """Allows everything, until it is told to allow nothing."""

    def __init__(self) -> None:
        self.exhausted_until: datetime | None = None
        self.observed: list[tuple[int, int]] = []
        """(calls left, seconds of the limit), as the adapter read them from headers."""

    def take(self) -> None:
        if self.exhausted_until is not None:
            raise ThrottledError(Problem.of("SPJ-BUDGET-PAUSED", system="…"), self.exhausted_until)

    def pause(self, until: datetime) -> None:
        self.exhausted_until = until

    def observe(
        self,
        remaining: int,
        reset: datetime | timedelta | None = None,
        *,
        seconds: int,
        limit: int | None = None,
    ) -> None:
        self.observed.append((remaining, seconds))


class MemoryContacts:
    """Known contacts."""

    def __init__(self) -> None:
        self.complete = False
        self.known: dict[str, str] = {}

    def find(self, name: str) -> str | None:
        return self.known.get(name)

    def put(self, names: Iterable[str], external_id: str) -> None:
        self.known.update(dict.fromkeys(names, external_id))

    def forget(self, external_id: str) -> None:
        self.known = {name: known for name, known in self.known.items() if known != external_id}


class MemoryReservations:
    """Reserved numbers; see ``Reservations``."""

    def __init__(self) -> None:
        self._by_key: dict[str, tuple[str, int]] = {}
        self._returned: dict[str, set[int]] = {}
        self._highest: dict[str, int] = {}

    def reserved(self, key: str) -> int | None:
        found = self._by_key.get(key)
        return None if found is None else found[1]

    def reserve(self, series: str, key: str, last: int) -> int:
        kept = self._by_key.get(key)
        if kept is not None and kept[0] == series and kept[1] > last:
            return kept[1]
        returned = self._returned.setdefault(series, set())
        free = [number for number in returned if number > last]
        number = min(free) if free else max(last, self._highest.get(series, 0)) + 1
        returned.discard(number)
        self._highest[series] = max(number, self._highest.get(series, 0))
        self._by_key[key] = (series, number)
        return number

    def give_back(self, key: str) -> None:
        found = self._by_key.pop(key, None)
        if found is not None:
            self._returned.setdefault(found[0], set()).add(found[1])
