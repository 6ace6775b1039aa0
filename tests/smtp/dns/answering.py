"""What the tests of the resolver share: responses in the words of a zone file, and an exchange that is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from twisted.internet.defer import Deferred

from mailrelay.smtp.dns.servers import Server

SOA = "shop.example. 600 IN SOA ns.example. root.example. 1 2 3 4 300"


def respond(
    query: bytes,
    *records: str,
    rcode: str = "NOERROR",
    authority: Sequence[str] = (),
    flags: int = 0,
    id: int | None = None,
    question: bool = True,
) -> bytes:
    """The response to a query; records are lines of a zone file."""
    asked = dns.message.from_wire(query)
    response = dns.message.make_response(asked)
    response.set_rcode(dns.rcode.from_text(rcode))
    response.flags |= flags
    for section, lines in ((response.answer, records), (response.authority, authority)):
        for line in lines:
            name, ttl, _, kind, data = line.split(maxsplit=4)
            rrset = response.find_rrset(
                section, dns.name.from_text(name), dns.rdataclass.IN, dns.rdatatype.from_text(kind), create=True
            )
            rrset.update(dns.rrset.from_text(name, int(ttl), "IN", kind, data))
            rrset.ttl = int(ttl)
    if id is not None:
        response.id = id
    if not question:
        response.question = []
    return response.to_wire()


@dataclass
class Asked:
    """One exchange under way."""

    server: Server
    query: bytes
    read: Callable[[bytes], Any]
    timeout: float
    stream: bool
    result: Deferred[Any] = field(default_factory=Deferred)

    @property
    def name(self) -> str:
        return dns.message.from_wire(self.query).question[0].name.to_text(omit_final_dot=True)

    @property
    def id(self) -> int:
        return dns.message.from_wire(self.query).id

    def answer(self, *records: str, **options: Any) -> None:
        response = self.read(respond(self.query, *records, **options))
        assert response is not None
        self.result.callback(response)

    def fail(self, error: Exception) -> None:
        self.result.errback(error)


class FakeExchange:
    """Keeps what it is asked to send."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def __call__(
        self, server: Server, query: bytes, read: Callable[[bytes], Any], timeout: float, stream: bool
    ) -> Deferred[Any]:
        self.asked.append(Asked(server, query, read, timeout, stream))
        return self.asked[-1].result

    @property
    def last(self) -> Asked:
        return self.asked[-1]
