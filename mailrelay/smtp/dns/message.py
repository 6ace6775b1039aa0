"""One question and one response as octets (RFC 1035, RFC 6891), by dnspython's codec.

Pure functions. A response that is malformed, or not the answer to exactly this question, is no response: whoever
waits goes on waiting, since anybody can send one. Aliases are followed as far as the response tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.message import Message

from ...mail.answer import Answer, Kind, MailExchange, Record, Tlsa

PAYLOAD = 1232  #: octets of a response by UDP that come through whole anywhere
ALIASES = 8  #: followed one after another


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, under an id that nobody can guess."""

    name: str
    kind: Kind
    id: int

    def encode(self) -> bytes:
        """The query; `ValueError` when the name cannot be asked for. AD asks for the AD bit (RFC 6840 5.7)."""
        try:
            query = dns.message.make_query(self.name, self.kind, use_edns=0, payload=PAYLOAD, id=self.id)
        except dns.exception.DNSException as error:
            raise ValueError(str(error)) from None
        query.flags |= dns.flags.AD
        return query.to_wire()


@dataclass(frozen=True, slots=True)
class Response:
    """What one server says. `alias` is the name to ask for next, where the response only leads there; a `referral`
    says that the server knows nothing itself."""

    answer: Answer
    alias: str = ""
    truncated: bool = False
    referral: bool = False


def read(question: Question, octets: bytes) -> Response | None:
    """The response to a question, or None when these octets are not one."""
    try:
        message = dns.message.from_wire(octets, ignore_trailing=True)
    except Exception:  # whatever a stranger's octets do to the codec
        return None
    if message.id != question.id or message.opcode() != dns.opcode.QUERY or not message.flags & dns.flags.QR:
        return None
    asked = [(each.name, each.rdtype, each.rdclass) for each in message.question]
    ours = (dns.name.from_text(question.name), dns.rdatatype.from_text(question.kind), dns.rdataclass.IN)
    # only a server that could not read the question may leave it out
    if asked != [ours] and (asked or message.rcode() not in (dns.rcode.FORMERR, dns.rcode.NOTIMP)):
        return None
    if message.flags & dns.flags.TC:
        return Response(Answer(), truncated=True)
    return _answered(question, message)


def _answered(question: Question, message: Message) -> Response:
    name, lives = dns.name.from_text(question.name), []
    for _ in range(ALIASES):
        alias = message.get_rrset(message.answer, name, dns.rdataclass.IN, dns.rdatatype.CNAME)
        if alias is None:
            break
        name = alias[0].target
        lives.append(alias.ttl)
    rcode, authenticated = dns.rcode.to_text(message.rcode()), bool(message.flags & dns.flags.AD)
    found = message.get_rrset(message.answer, name, dns.rdataclass.IN, dns.rdatatype.from_text(question.kind))
    if found is not None:
        records = tuple(map(_RECORDS[question.kind], found))
        end = _text(name) if lives else ""
        return Response(Answer(records, rcode, authenticated, min([*lives, found.ttl]), end))
    denied = _denial(message)
    if rcode == "NOERROR" and denied is None:
        if lives:
            return Response(Answer((), rcode, authenticated, min(lives)), alias=_text(name))
        referral = any(each.rdtype == dns.rdatatype.NS for each in message.authority)
        return Response(Answer((), rcode, authenticated), referral=referral)
    return Response(Answer((), rcode, authenticated, 0 if denied is None else min([*lives, denied])))


def _denial(message: Message) -> int | None:
    """For how many seconds it holds that there is nothing (RFC 2308 5), or None when nobody says so."""
    for each in message.authority:
        if each.rdtype == dns.rdatatype.SOA:
            return int(min(each.ttl, each[0].minimum))
    return None


def _text(name: dns.name.Name) -> str:
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()


_RECORDS: Mapping[Kind, Callable[[Any], Record]] = {
    "MX": lambda data: MailExchange(data.preference, _text(data.exchange)),
    "A": lambda data: str(data.address),
    "AAAA": lambda data: str(data.address),
    "TXT": lambda data: b"".join(data.strings).decode("utf-8", "replace"),
    "TLSA": lambda data: Tlsa(int(data.usage), int(data.selector), int(data.mtype), bytes(data.cert)),
}
