"""What the values of a configuration may be: types whose validators say in words what must hold.

A value is judged by itself alone; it is taken as it is or in its one usual form (a host name in lower case), never
guessed.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from .redis_url import parse_redis_url

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LOCAL_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_HOST_AND_PORT = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:]+)):([0-9]{1,5})")
# no character that would need an escape in a link
_PUBLIC_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*")


def is_loopback(address: str) -> bool:
    """Is a host, given as an IP address or name, this machine only?"""
    if address.lower() == "localhost":
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _is_host(text: str) -> bool:
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("must be 1 to 64 letters, digits, dots, hyphens or underscores")
    return text


def _host(text: str) -> str:
    if text and not _is_host(text):
        raise ValueError("must be a host name")
    return text.lower()


def domain_pattern(text: str) -> str:
    """A domain in A-labels, or ``*.`` and one for all below it, in lower case; `ValueError` for anything else."""
    domain = text.removeprefix("*.").lower()
    if not _is_host(domain):
        raise ValueError("must be a domain, or *. and a domain for all below it")
    return text.lower()


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("must be an IPv4 or IPv6 address") from None


def _public_url(text: str) -> str:
    text = text.rstrip("/")
    found = _PUBLIC_URL.fullmatch(text)
    if text and (found is None or not (_is_host(found[1]) or found[1].startswith("["))):
        raise ValueError("must be http:// or https:// and a host, perhaps with port and path")
    return text


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("must be a network such as 10.0.0.0/8, without host bits") from None


def split_host(text: str) -> tuple[str, int]:
    """The host and the port of ``host:port`` or ``[IPv6]:port``; `ValueError` when it is neither."""
    found = _HOST_AND_PORT.fullmatch(text)
    if found:
        literal, host, port = found[1], found[2], int(found[3])
        if 1 <= port <= 65535 and (_is_host(host) if host else ":" in _address(literal)):
            return host.lower() if host else _address(literal), port
    raise ValueError("must be host:port or [IPv6 address]:port")


def _host_and_port(text: str) -> str:
    split_host(text)
    return text


def _socket(text: str) -> str:
    if text and not text.startswith("/"):
        try:
            split_host(text)
        except ValueError:
            raise ValueError("must be the path of a socket, host:port or [IPv6 address]:port") from None
    return text


def _plain(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must not hold control characters")
    return text


def _sender(text: str) -> str:
    local, _, domain = text.rpartition("@")
    if text and not (_LOCAL_PART.fullmatch(local) and _is_host(domain) and "." in domain):
        raise ValueError("must be an address such as reports@example.com")
    return f"{local}@{domain.lower()}" if text else ""


def _support(text: str) -> str:
    if "://" not in text:
        return _sender(text)
    if not re.fullmatch(r"https?://[!-~]+", text):
        raise ValueError("must be an address such as help@example.com, or a URL")
    return text


def _local_part(text: str) -> str:
    if not _LOCAL_PART.fullmatch(text):
        raise ValueError("must be 1 to 64 letters, digits, dots, hyphens or underscores, without @")
    return text.lower()


def some(entries: tuple[T, ...]) -> tuple[T, ...]:
    """The same entries; `ValueError` when there are none."""
    if not entries:
        raise ValueError("must not be empty")
    return entries


def _one_worker(count: int) -> int:
    if count != 1:
        raise ValueError("only 1 is possible so far")
    return count


def _redis(text: str) -> str:
    if text:
        parse_redis_url(text)
    return text


def _url(text: str) -> str:
    if text.startswith("postgresql+psycopg://"):
        raise ValueError("the daemon does not run on PostgreSQL so far; leave it out to keep state in path")
    if text:
        raise ValueError("must begin with postgresql+psycopg://")
    return text


def _path(value: object, info: ValidationInfo) -> object:
    """A path is taken from the configuration file's folder, which the context gives."""
    if isinstance(value, str):
        if not _plain(value):
            raise ValueError("must not be empty")
        return (info.context or {}).get("folder", Path()) / value
    return value


Name = Annotated[str, AfterValidator(_name)]
Host = Annotated[str, AfterValidator(_host)]
DomainPattern = Annotated[str, AfterValidator(domain_pattern)]
IpAddress = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]
HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
Text = Annotated[str, AfterValidator(_plain)]
LocalPart = Annotated[str, AfterValidator(_local_part)]
FilePath = Annotated[Path, BeforeValidator(_path)]
Port = Annotated[int, Field(ge=0, le=65535)]
RemotePort = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
CountOrNone = Annotated[int, Field(ge=0, le=1_000_000_000)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Percent = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[int, Field(ge=1, le=366 * 86400)]
Workers = Annotated[Count, AfterValidator(_one_worker)]
DatabaseUrl = Annotated[Text, AfterValidator(_url)]
RedisText = Annotated[Text, AfterValidator(_redis)]
Socket = Annotated[Text, AfterValidator(_socket)]
PublicUrl = Annotated[Text, AfterValidator(_public_url)]
Mailbox = Annotated[Text, AfterValidator(_sender)]
Support = Annotated[Text, AfterValidator(_support)]
