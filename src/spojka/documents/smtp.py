"""One conversation with a mail server, with an honest outcome.

Up to the moment at which the last byte of the message is sent, nothing was delivered: the outcome
is *rejected* or *unavailable*. After it, without an answer, the outcome is *uncertain*: SMTP has no
way to ask whether a message was taken (RFC 5321, 4.5.3.2.6, warns of the doubles that come from
sending again).
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    Rejection,
    UnavailableError,
    UncertainError,
)
from spojka.core.problem import Problem

TIMEOUT_SECONDS = 30.0
_DETAIL_LENGTH = 300
_LINE_START_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and how to sign in. ``security`` is ``starttls``, ``tls`` or ``none``."""

    host: str
    port: int
    security: str = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    greeting: str = "localhost"
    """What we call ourselves."""
    timeout: float = TIMEOUT_SECONDS
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def problem(self, code: str, **facts: object) -> Problem:
        return Problem.of(code, host=f"{self.host}:{self.port}", **facts)

    def words(self, error: Exception) -> str:
        """Return the server's own words, without the password should it repeat it."""
        if isinstance(error, smtplib.SMTPResponseException):
            return self.cleaned(error.smtp_code, error.smtp_error)
        return self.cleaned(0, f"{type(error).__name__} {error}")

    def cleaned(self, code: int, text: bytes | str) -> str:
        plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        line = " ".join(f"{code or ''} {plain}".split())
        return (line.replace(self.password, "•••") if self.password else line)[:_DETAIL_LENGTH]


@contextmanager
def connected(server: Server) -> Iterator[smtplib.SMTP]:
    """Connect, greet and start TLS as the account says.

    Raises:
        UnavailableError: ``SPJ-SMTP-CONNECT`` (host).
        RejectedError: ``SPJ-SMTP-TLS`` (host, detail): no STARTTLS, or an untrusted certificate.
    """
    context = server.tls or ssl.create_default_context()
    smtp: smtplib.SMTP | None = None
    try:
        try:
            if server.security == "tls":
                smtp = smtplib.SMTP_SSL(
                    server.host,
                    server.port,
                    server.greeting,
                    timeout=server.timeout,
                    context=context,
                )
            else:
                smtp = smtplib.SMTP(server.host, server.port, server.greeting, server.timeout)
            smtp.ehlo_or_helo_if_needed()
            if server.security == "starttls":
                smtp.starttls(context=context)
                smtp.ehlo_or_helo_if_needed()
        except (ssl.SSLCertVerificationError, smtplib.SMTPNotSupportedError) as error:
            detail = server.words(error)
            problem = server.problem("SPJ-SMTP-TLS", detail=detail)
            raise RejectedError(problem, Rejection.CONFIG, detail) from error
        except (OSError, smtplib.SMTPException) as error:
            problem = server.problem("SPJ-SMTP-CONNECT")
            raise UnavailableError(problem, server.words(error)) from error
        yield smtp
    finally:
        if smtp is not None:
            _leave(smtp)


def sign_in(smtp: smtplib.SMTP, server: Server) -> None:
    """Sign in, where the account has a user name.

    Raises:
        RejectedError: ``SPJ-SMTP-LOGIN`` (host).
        UnavailableError: ``SPJ-SMTP-CONNECT`` or ``SPJ-SMTP-LATER``: the server cannot just now.
    """
    if not server.username:
        return
    try:
        smtp.login(server.username, server.password)
    except smtplib.SMTPResponseException as error:
        raise _refused(
            server, error.smtp_code, error.smtp_error, "SPJ-SMTP-LOGIN", Rejection.CONFIG
        ) from None
    except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
        problem = server.problem("SPJ-SMTP-LOGIN")
        raise RejectedError(problem, Rejection.CONFIG, server.words(error)) from None
    except (OSError, smtplib.SMTPException) as error:
        raise _lost(server, error) from None


def deliver(server: Server, sender: str, recipients: Sequence[str], message: bytes) -> None:
    """Hand one message over to the server, for all recipients or for none.

    Args:
        server: Where to.
        sender: Envelope sender.
        recipients: Envelope recipients, hidden copies included.
        message: The complete message with CRLF line ends.

    Raises:
        RejectedError: the server refuses for good: ``SPJ-SMTP-TLS``, ``SPJ-SMTP-LOGIN``,
            ``SPJ-SMTP-REFUSED`` (host, detail). Nothing was delivered.
        UnavailableError: ``SPJ-SMTP-CONNECT``, ``SPJ-SMTP-LATER`` (host, detail). Nothing was
            delivered; it may be sent again.
        UncertainError: ``SPJ-EMAIL-UNCERTAIN`` (host). It was handed over, and no answer came.
    """
    with connected(server) as smtp:
        sign_in(smtp, server)
        try:
            _expect(server, smtp.mail(sender), 250)
            for recipient in recipients:
                _expect(server, smtp.rcpt(recipient), 250, 251)
            _expect(server, smtp.docmd("DATA"), 354)
            smtp.send(_stuffed(message))
        except (OSError, smtplib.SMTPException) as error:
            raise _lost(server, error) from error
        try:
            smtp.send(b".\r\n")
            code, text = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            problem = server.problem("SPJ-EMAIL-UNCERTAIN")
            raise UncertainError(problem, server.words(error)) from error
        if not 200 <= code < 600:
            raise UncertainError(server.problem("SPJ-EMAIL-UNCERTAIN"), server.cleaned(code, text))
        _expect(server, (code, text), 250)


def _expect(server: Server, reply: tuple[int, bytes], *codes: int) -> None:
    if reply[0] not in codes:
        raise _refused(server, *reply, "SPJ-SMTP-REFUSED", Rejection.DATA)


def _refused(
    server: Server, code: int, text: bytes | str, problem: str, rejection: Rejection
) -> OutcomeError:
    """Tell for good (5xx) from not just now (4xx), such as greylisting or too many messages."""
    detail = server.cleaned(code, text)
    if 500 <= code < 600:
        return RejectedError(server.problem(problem, detail=detail), rejection, detail)
    return UnavailableError(server.problem("SPJ-SMTP-LATER", detail=detail), detail)


def _lost(server: Server, error: Exception) -> UnavailableError:
    return UnavailableError(server.problem("SPJ-SMTP-CONNECT"), server.words(error))


def _stuffed(message: bytes) -> bytes:
    """Double the dots at line starts (RFC 5321, 4.5.2) and end the last line."""
    stuffed = _LINE_START_DOT.sub(b"..", message)
    return stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n"


def _leave(smtp: smtplib.SMTP) -> None:
    """Say good-bye; what was to be done is done, whatever becomes of this."""
    try:
        smtp.quit()
    except (OSError, smtplib.SMTPException):
        smtp.close()
