"""Listening sockets, made apart from what is spoken on them.

Every socket is bound and listening before anything else starts, so that a taken port is one line and no half-started
daemon; a worker is handed sockets, never addresses. A service manager may have made some of them (sd_listen_fds(3)).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from twisted.internet.interfaces import IListeningPort, IReactorSocket

_BACKLOG = 511
#: Descriptors 0 to 2 are the standard streams (SD_LISTEN_FDS_START).
_FIRST_PASSED = 3


class PortTaken(Exception):
    """An address cannot be listened on; the text is the whole story in one line."""


class Astray(Exception):
    """The service manager passed a socket that cannot be served; the text is the whole story in one line."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: an IP address and a port; port 0 takes any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen(address: Address) -> socket.socket:
    """A listening TCP socket, non-blocking; fails with `PortTaken`."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:  # a machine without IPv6
        raise PortTaken(f"cannot listen on {address}: {error.strerror}") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address.host, address.port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise PortTaken(f"cannot listen on {address}: {error.strerror}") from error
    return sock


def listen_all(
    addresses: Mapping[str, Address], passed: Mapping[str, socket.socket] | None = None
) -> dict[str, socket.socket]:
    """One listening socket for each name, or none at all; those `passed` are taken instead of new ones.

    Fails with `PortTaken`, and with `Astray` when one was passed for no name.
    """
    sockets = dict(passed or {})
    try:
        if astray := sockets.keys() - addresses.keys():
            raise Astray(
                f"the service manager passed a socket named {min(astray)} (FileDescriptorName=), but the listeners are "
                + ", ".join(addresses)
            )
        for name, address in addresses.items():
            if name not in sockets:
                sockets[name] = listen(address)
    except (Astray, PortTaken):
        close_all(sockets.values())
        raise
    return sockets


def take_passed(environment: MutableMapping[str, str], pid: int) -> dict[str, socket.socket]:
    """The listening sockets that the service manager passed to this process, by name; fails with `Astray`.

    Twisted has taken LISTEN_PID and LISTEN_FDS away when they were meant for this process, and left the names, one for
    each descriptor; they are taken away here, for they are meant for no child.
    """
    if environment.get("LISTEN_PID", str(pid)) != str(pid):
        return {}
    names = environment.pop("LISTEN_FDNAMES", "")
    passed: dict[str, socket.socket] = {}
    try:
        for descriptor, name in enumerate(names.split(":") if names else (), _FIRST_PASSED):
            sock = socket.socket(fileno=descriptor)
            if name in passed:
                sock.close()
                raise Astray(f"the service manager passed two sockets named {name}, a listener has one")
            passed[name] = sock
            if sock.family not in (socket.AF_INET, socket.AF_INET6) or not _is_listening(sock):
                raise Astray(f"the socket named {name} that the service manager passed is no listening TCP socket")
            sock.set_inheritable(False)
            sock.setblocking(False)
    except (Astray, OSError):
        close_all(passed.values())
        raise
    return passed


def _is_listening(sock: socket.socket) -> bool:
    return sock.type == socket.SOCK_STREAM and bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def close_all(sockets: Iterable[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def address_of(sock: socket.socket) -> Address:
    """Where a socket listens."""
    host, port = sock.getsockname()[:2]
    return Address(host, port)


def ends_at(listening: Collection[Address]) -> Callable[[str, int], bool]:
    """Tells of an IP address and a port whether a connection to them would come to one of these listeners."""

    def reaches(host: str, port: int, at: Address) -> bool:
        if port != at.port or (":" in host) != (":" in at.host):
            return False
        own, asked = ip_address(at.host), ip_address(host)
        return own == asked or asked.is_unspecified or (own.is_unspecified and _is_here(host))

    return lambda host, port: any(reaches(host, port, at) for at in listening)


def _is_here(host: str) -> bool:
    """Has this machine the address? Only its own ones can be bound."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def adopt(reactor: IReactorSocket, sock: socket.socket, factory: Any) -> IListeningPort:
    """Let a factory (an `IProtocolFactory`) serve a socket; the port owns it from now on."""
    port = reactor.adoptStreamPort(sock.fileno(), sock.family, factory)
    sock.close()
    return port
