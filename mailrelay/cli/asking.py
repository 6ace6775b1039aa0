"""Asks the DNS for one command, waiting for each answer: the daemon's resolver needs a reactor, a command has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..interfaces.resolver import IResolver
from ..mail.answer import Answer, Kind, MailExchange, Record
from ..policy.domain_check import Relay
from .opening import Place

if TYPE_CHECKING:
    from dns.resolver import Resolver


def relay_of(place: Place) -> Relay:
    """Who sends, as the configuration has it."""
    bounces = place.config.delivery.bounce_domain if place.config else ""
    return Relay(place.hostname.lower(), bounces or f"bounces.{place.hostname.lower()}")


@implementer(IResolver)
class WaitingResolver:
    """Asks the servers of the configuration, or those of the machine."""

    def __init__(self, place: Place) -> None:
        import dns.resolver

        section = place.config.resolver if place.config else None
        self._silent = False
        named = list(section.servers) if section else []
        self._resolver: Resolver = dns.resolver.Resolver(configure=not named)
        if section is not None:
            if named:
                self._resolver.nameservers = named
            self._resolver.port = section.port
            self._resolver.timeout = section.timeout
            self._resolver.lifetime = section.timeout * section.tries

    def resolve(self, name: str, kind: Kind) -> Deferred[Answer]:
        return succeed(self._resolve(name, kind))

    def _resolve(self, name: str, kind: Kind) -> Answer:
        import dns.exception
        import dns.resolver

        if self._silent:
            return Answer(rcode="SERVFAIL")
        try:
            found = self._resolver.resolve(f"{name}.", kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return Answer(rcode="NXDOMAIN")
        except dns.exception.Timeout:
            # a dozen questions to servers that are down would take minutes
            self._silent = True
            return Answer(rcode="SERVFAIL")
        except dns.exception.DNSException:
            return Answer(rcode="SERVFAIL")
        return Answer(tuple(_record(each, kind) for each in found.rrset or ()))


def _record(data: object, kind: Kind) -> Record:
    if kind == "MX":
        return MailExchange(data.preference, data.exchange.to_text(omit_final_dot=True).lower().rstrip("."))  # type: ignore[attr-defined]
    if kind == "TXT":
        return b"".join(data.strings).decode("utf-8", "replace")  # type: ignore[attr-defined]
    return str(data)
