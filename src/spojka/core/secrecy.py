"""The secrets that this process has had in its hands, so that nothing it says repeats them.

Whoever opens a secret registers it here; whoever writes a log line asks. It is the last net below
the rule that a secret is never logged, and it is bounded: the secrets used longest ago fall out.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from threading import Lock

MOST = 200
SHORTEST = 6
"""Shorter values are not looked for: they would blacken ordinary words."""

_NAMES = re.compile(
    r"(?:^|[_\-.])(?:pass(?:word|wd|phrase)?|secret|token|api_?key|consumer_?key|"
    r"authorization|cookie|credentials?|session_?key|private_?key)(?:$|[_\-.\d])",
    re.IGNORECASE,
)

_lasting: set[str] = set()
_recent: OrderedDict[str, None] = OrderedDict()
_lock = Lock()


def register(*secrets: str, lasting: bool = False) -> None:
    """Remember secrets; ``lasting`` ones (of the installation itself) never fall out."""
    with _lock:
        for secret in secrets:
            if len(secret) < SHORTEST:
                continue
            if lasting:
                _lasting.add(secret)
                continue
            _recent[secret] = None
            _recent.move_to_end(secret)
            while len(_recent) > MOST:
                _recent.popitem(last=False)


def known() -> frozenset[str]:
    """Return the secrets to look for."""
    with _lock:
        return frozenset(_lasting | _recent.keys())


def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name holds a secret, by its name alone."""
    return _NAMES.search(name) is not None
