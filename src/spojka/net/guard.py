"""Which addresses Spojka may connect to.

People type server addresses into forms (an ABRA Flexi, a self-hosted shop), so that every
outgoing connection is checked against server-side request forgery: at connect time, after the
name was resolved, for the very address that is then connected to. A name that answers
differently a moment later (DNS rebinding) therefore gains nothing.

Private, loopback, link-local, shared (CGNAT), multicast and reserved addresses are closed, and so
are the IPv6 ranges that carry an IPv4 address inside. An operator opens a local network by an
allow-list. Source of the ranges: IANA special-purpose address registries (RFC 6890 and successors).
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any
from urllib.parse import urlsplit

import httpcore2

from spojka.net.timing import TimedStream

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The standard library's ``is_global`` differs between patch releases of Python, so that the
# ranges that matter are spelled out and ``is_global`` only adds to them.
_CLOSED: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback and the deprecated IPv4-compatible addresses
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 for local use
        "100::/64",
        "2001::/32",  # Teredo
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)


class AddressBlockedError(Exception):
    """The name resolves to an address which Spojka must not connect to."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} is {address}, which is not a public address")
        self.host = host
        self.address = address


class NameUnknownError(Exception):
    """The name does not exist, or the name server does not answer."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"{host}: {reason}")
        self.host = host


class UrlError(ValueError):
    """Not an address that Spojka talks to; the text says why."""


def check_url(url: str) -> str:
    """Return the host of a plain http or https address.

    Raises:
        UrlError: another scheme, no host, a name or password inside, or a bad port.
    """
    if any(character <= " " or character == "\x7f" for character in url):
        raise UrlError("it contains a space or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlError(str(error)) from None
    if parts.scheme not in ("http", "https"):
        raise UrlError("it does not begin with https:// or http://")
    if "@" in parts.netloc:
        raise UrlError("it contains a user name or a password")
    if "\\" in url:
        raise UrlError("it contains a backslash")
    if not parts.hostname:
        raise UrlError("it has no host name")
    if port == 0:
        raise UrlError("port 0 cannot be connected to")
    return parts.hostname


def is_closed(address: Address, allow: Sequence[Network] = ()) -> bool:
    """Tell whether ``address`` must not be connected to; ``allow`` opens networks."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    for network in allow:
        if address in network or (mapped is not None and mapped in network):
            return False
    return not address.is_global or any(address in network for network in _CLOSED)


def resolve(
    host: str, port: int, allow: Sequence[Network] = (), timeout: float | None = None
) -> list[Address]:
    """Resolve ``host`` once, within ``timeout`` seconds; every address it has must be open.

    Raises:
        NameUnknownError: the name cannot be resolved, or not in time.
        AddressBlockedError: one of its addresses is closed.
    """
    addresses: list[Address] = []
    for _family, _type, _protocol, _name, where in _look_up(host, port, timeout):
        address = ip_address(str(where[0]).partition("%")[0])
        if is_closed(address, allow):
            raise AddressBlockedError(host, str(address))
        if address not in addresses:
            addresses.append(address)
    if not addresses:
        raise NameUnknownError(host, "no address")
    return addresses


MOST_LOOK_UPS = 32
"""Names that are resolved at once in one process; those that hang end by themselves."""
_look_ups = threading.BoundedSemaphore(MOST_LOOK_UPS)

_Found = tuple[int, int, int, str, tuple[Any, ...]]


def _look_up(host: str, port: int, timeout: float | None) -> Sequence[_Found]:
    """Ask the resolver of the system, which has no time-out of its own, from a thread that has."""
    answers: queue.SimpleQueue[Sequence[_Found] | Exception] = queue.SimpleQueue()
    seats = _look_ups

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # raised again where the answer is waited for
            answers.put(error)
        finally:
            seats.release()

    if not seats.acquire(timeout=timeout):
        raise NameUnknownError(host, "too many names wait for the name server")
    try:
        # A daemon: a name server that never answers must not keep the process from ending.
        threading.Thread(target=ask, name="resolver", daemon=True).start()
    except BaseException:
        seats.release()
        raise
    try:
        found = answers.get(timeout=timeout)
    except queue.Empty:
        raise NameUnknownError(host, "the name server does not answer in time") from None
    if isinstance(found, (OSError, UnicodeError)):
        raise NameUnknownError(host, getattr(found, "strerror", None) or str(found)) from None
    if isinstance(found, Exception):
        raise found
    return found


class GuardedBackend(httpcore2.NetworkBackend):
    """Opens TCP connections for the pool: resolve, check, connect to what was checked."""

    def __init__(self, allow: Sequence[Network] = ()) -> None:
        self._allow = tuple(allow)
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that answers, within ``timeout`` seconds for all."""
        deadline = None if timeout is None else time.monotonic() + timeout
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for address in resolve(host.strip("[]"), port, self._allow, timeout):
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            try:
                return TimedStream(
                    self._plain.connect_tcp(str(address), port, left, local_address, socket_options)
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectTimeout("timed out")
