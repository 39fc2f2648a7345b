"""Deník's API: tokens, answers, errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from spojka.accounting.contract import Session
from spojka.accounting.errors import ErrorBook
from spojka.core.outcome import OutcomeError, RejectedError, UnavailableError, UncertainError
from spojka.core.problem import Problem
from spojka.net.client import NotJsonError, Response

HOST = "https://api.denik.example"


class Client:
    """Asks one account. Replaced piece by piece where a test plants a bug."""

    def __init__(self, errors: ErrorBook) -> None:
        self.errors = errors

    def token(self, s: Session) -> str:
        """Return a token, a new one only where none is known."""
        known = s.tokens.get() if s.tokens else None
        if known is not None:
            return known
        body = {"email": s.credentials["email"], "secret": s.credentials["secret"]}
        response = s.client.request("POST", self.at(s, "/token"), json=body, write=False)
        answer = self.read(s, response, "login", "access_token", write=False)
        found = str(answer["access_token"])
        if s.tokens:
            s.tokens.put(found, s.now + timedelta(seconds=int(answer["expires_in"])))
        return found

    def at(self, s: Session, path: str) -> str:
        return (s.credentials.get("address") or HOST) + path

    def ask(
        self, s: Session, method: str, path: str, operation: str, wanted: str, body: Any = None
    ) -> Any:
        """Return the JSON answer, which has to have the member ``wanted``.

        Raises:
            OutcomeError: everything that is not success.
        """
        response = self.send(s, method, path, body)
        return self.read(s, response, operation, wanted, write=method != "GET")

    def send(self, s: Session, method: str, path: str, body: Any = None) -> Response:
        """Send a request; where the token ended, once more with a new one."""
        token = self.token(s)
        headers = {"Authorization": f"Bearer {token}"}
        response = s.client.request(method, self.at(s, path), headers=headers, json=body)
        if response.status == 401 and s.tokens:
            s.tokens.forget(token)
            headers = {"Authorization": f"Bearer {self.token(s)}"}
            response = s.client.request(method, self.at(s, path), headers=headers, json=body)
        return response

    def read(
        self, s: Session, response: Response, operation: str, wanted: str, *, write: bool
    ) -> Any:
        """Return the body of a success."""
        try:
            body = response.json()
        except NotJsonError:
            body = None
        if response.status >= 400 or (isinstance(body, dict) and "code" in body):
            raise self.outcome(s, response, operation, write=write)
        if not isinstance(body, dict) or wanted not in body:
            problem = Problem.of("SPJ-DENIK-UNREADABLE", operation=operation)
            raise (UncertainError if write else UnavailableError)(
                problem, s.client.redact(response.text[:200])
            )
        return body

    def outcome(
        self, s: Session, response: Response, operation: str, *, write: bool
    ) -> OutcomeError:
        seconds = response.headers.get("retry-after", "")
        until = s.now + timedelta(seconds=int(seconds)) if seconds.isdecimal() else None
        redact = s.client.redact
        return self.errors.outcome(response, operation, write=write, redact=redact, until=until)

    def gone(self, error: RejectedError) -> bool:
        """Tell whether a refusal says that what was to be taken away is not there."""
        return error.problem.code == "SPJ-DENIK-GONE"
