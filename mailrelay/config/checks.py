"""What no section can tell by itself: checks across sections, and of the files that they name.

Each check yields faults as ``key: reason`` and looks only at entries that are well formed by themselves, so that one
fault does not hide another. An installation that would send for strangers is a fault here, not a warning.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from .sections import Counters, Http, Listener, Route

#: Networks whose hosts are one's own: loopback, private use (RFC 1918, RFC 4193) and link-local.
_OWN_4 = tuple(map(IPv4Network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")))
_OWN_6 = tuple(map(IPv6Network, ("::1/128", "fc00::/7", "fe80::/10")))


#: What the sockets of the web are called beside those of the listeners.
API, PUBLIC, METRICS = "http", "http-public", "http-metrics"

#: Characters that the token of the API must have at least.
TOKEN_LENGTH = 20


def _own(network: str) -> bool:
    parsed = ip_network(network)
    if isinstance(parsed, IPv4Network):
        return any(map(parsed.subnet_of, _OWN_4))
    return any(map(parsed.subnet_of, _OWN_6))


def login(key: str, listener: Listener) -> Iterator[str]:
    """Who may send: never a stranger without AUTH, and nobody where reports are taken."""
    if listener.feedback:
        for name in ("login", "trusted", "connection", "dialect", "dialect_by_name"):
            if name in listener.model_fields_set:
                yield f'{key}.{name}: not with role = "feedback"'
        if listener.tls == "implicit":
            yield f'{key}.tls: mail hosts speak "starttls" or "none" with role = "feedback"'
        if listener.tls_required and "tls_required" in listener.model_fields_set:
            yield f'{key}.tls_required: not with role = "feedback", for any mail host may have something to report'
        return
    if listener.login == "auth":
        if listener.trusted:
            yield f'{key}.trusted: only with login = "address"'
        if listener.connection:
            yield f'{key}.connection: only with login = "address"'
        return
    if not listener.connection:
        yield f'{key}.connection: required with login = "address"'
    if not listener.trusted:
        yield f'{key}.trusted: required with login = "address", else this is an open relay'
    for index, network in enumerate(listener.trusted):
        if not _own(network):
            yield f"{key}.trusted[{index}]: {network} is not loopback or private, this would be an open relay"


def encryption(key: str, listener: Listener) -> Iterator[str]:
    """A listener with TLS has a certificate and the key that fits, one without has neither."""
    if listener.tls == "none":
        if listener.dialect_by_name:
            yield f'{key}.dialect_by_name: only with tls = "starttls" or "implicit"'
        for name in ("certificate", "key"):
            if getattr(listener, name) is not None:
                yield f'{key}.{name}: only with tls = "starttls" or "implicit"'
    contradicted = {"none": True, "implicit": False}.get(listener.tls)
    if "tls_required" in listener.model_fields_set and listener.tls_required is contradicted:
        yield f'{key}.tls_required: only tls = "starttls" leaves a choice'
    if listener.tls == "none":
        return
    public: list[bytes] = []
    for name in ("certificate", "key"):
        path = getattr(listener, name)
        if path is None:
            yield f'{key}.{name}: required with tls = "{listener.tls}"'
            continue
        try:
            public.append(_certified(path) if name == "certificate" else _public_half(path))
        except ValueError as error:
            yield f"{key}.{name}: {error}"
    if len(public) == 2 and public[0] != public[1]:
        yield f"{key}.key: does not belong to the certificate"


def _certified(path: Path) -> bytes:
    """The public key of the first certificate of a PEM chain."""
    data = read(path)
    try:
        return (
            load_pem_x509_certificates(data)[0]
            .public_key()
            .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
    except Exception:
        raise ValueError(f"{path}: not a certificate in PEM") from None


def _public_half(path: Path) -> bytes:
    """The public half of a private key in PEM."""
    data = read(path, secret=True)
    try:
        private = load_pem_private_key(data, password=None)
        return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:
        raise ValueError(f"{path}: not a private key in PEM without a pass phrase") from None


def read(path: Path, secret: bool = False) -> bytes:
    """A small file's content; `ValueError` says ``path: reason``. A secret must not be open to everybody."""
    try:
        # never waits, whatever the path turns out to be
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ValueError(f"{path}: not a file")
            if secret and mode & stat.S_IRWXO:
                raise ValueError(f"{path}: open to everybody (mode {stat.S_IMODE(mode):04o})")
            return file.read(1_000_000)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def listening(addresses: Mapping[str, tuple[str, int]]) -> Iterator[str]:
    """No two listeners on one port of one address; `addresses` by the key of their port. Port 0 is any free port."""
    seen: list[tuple[str, str, int]] = []
    for key, (address, port) in addresses.items():
        for other, taken, at in seen:
            if port == at != 0 and _overlap(address, taken):
                yield f"{key}: {_join(address, port)} is taken by {other.rpartition('.')[0]}"
                break
        seen.append((key, address, port))


def _overlap(one: str, other: str) -> bool:
    first, second = ip_address(one), ip_address(other)
    return first.version == second.version and (first == second or first.is_unspecified or second.is_unspecified)


def _join(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def names(entries: Mapping[str, Listener | Route]) -> Iterator[str]:
    """No two entries of one name."""
    seen: dict[str, str] = {}
    for key, entry in entries.items():
        if entry.name in seen:
            yield f"{key}.name: {entry.name} is the name of {seen[entry.name]}"
        seen.setdefault(entry.name, key)


def route(key: str, route: Route) -> Iterator[str]:
    """A route leads to smart hosts or by MX; a login at a smart host is whole, and strangers are shown none."""
    if route.mx:
        for name in ("hosts", "username", "password", "weights"):
            if getattr(route, name):
                yield f"{key}.{name}: not with mx = true"
        return
    if not route.hosts:
        yield f"{key}.hosts: required, or mx = true"
    if route.weights and (len(route.weights) != len(route.hosts) or not any(route.weights)):
        yield f"{key}.weights: one for each of the hosts, not all of them 0"
    for name in ("port", "allow_private", "sources", "rotate"):
        if name in route.model_fields_set:
            yield f"{key}.{name}: only with mx = true"
    if route.username and not route.password:
        yield f"{key}.password: required with username"
    if route.password and not route.username:
        yield f"{key}.username: required with password"


def fallbacks(routes: Mapping[str, Route]) -> Iterator[str]:
    """No domain is served by two routes, and none falls back on itself."""
    served: dict[str, str] = {}
    for key, route in routes.items():
        if route.fallback and route.fallback == route.name:
            yield f"{key}.fallback: a route cannot take over from itself"
        for domain in route.domains:
            if domain in served:
                yield f"{key}.domains: {domain} is served by {served[domain]}"
            served.setdefault(domain, key)


def http(http: Http) -> Iterator[str]:
    """The API is never open to whoever comes."""
    if http.enabled and len(http.api_token) < TOKEN_LENGTH:
        yield f"http.api_token: required with enabled = true, at least {TOKEN_LENGTH} characters"


def counters(counters: Counters) -> Iterator[str]:
    """Redis is asked where it is said to be, or not at all."""
    if counters.backend == "redis" and not counters.url:
        yield 'counters.url: required with backend = "redis"'
    if counters.backend != "redis" and counters.url:
        yield 'counters.url: only with backend = "redis"'


def default_route(routes: Collection[Route]) -> Iterator[str]:
    """Mail that names no route takes the one default."""
    if (count := sum(route.default for route in routes)) != 1:
        yield f"routes: exactly one must have default = true, {count or 'none'} of {len(routes)} has it"


def dialects(listeners: Mapping[str, Listener], known: Mapping[str, bool], web: Http | None) -> Iterator[str]:
    """A listener speaks a dialect that exists; one whose mail leads to public pages needs some. `known` says which."""
    for key, listener in listeners.items():
        if listener.feedback:
            continue
        if listener.dialect not in known:
            yield f"{key}.dialect: unknown, must be one of: {', '.join(sorted(known))}"
        elif known[listener.dialect] and web is not None and not web.public_url:
            yield f"http.public_url: required, for links in mail by {key} ({listener.dialect}) lead there"
        for host, dialect in listener.dialect_by_name.items():
            if dialect not in known:
                yield f'{key}.dialect_by_name."{host}": unknown, must be one of: {", ".join(sorted(known))}'


def across(listeners: Mapping[str, Listener], routes: Mapping[str, Route], web: Http | None) -> Iterable[str]:
    """Everything about the listeners and routes that are well formed."""
    for key, listener in listeners.items():
        if listener.name in (API, PUBLIC, METRICS):
            yield f"{key}.name: {listener.name} is the name of a web listener"
        yield from login(key, listener)
        yield from encryption(key, listener)
    for key, entry in routes.items():
        yield from route(key, entry)
    yield from fallbacks(routes)
    yield from names(listeners)
    yield from names(routes)
    addresses = {f"{key}.port": (listener.address, listener.port) for key, listener in listeners.items()}
    if web is not None and web.enabled:
        yield from http(web)
        addresses["http.port"] = web.address, web.port
    if web is not None and web.public_url:
        addresses["http.public_port"] = web.public_address, web.public_port
    if web is not None and web.metrics_port:
        addresses["http.metrics_port"] = web.metrics_address, web.metrics_port
    yield from listening(addresses)
