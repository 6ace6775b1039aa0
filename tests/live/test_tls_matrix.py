"""Every kind of certificate that a mail host can show, against every rule that it is held to, over real TLS (T11)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest_twisted
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet import reactor
from twisted.internet.defer import succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.ssl import Certificate, CertificateOptions, TLSVersion, trustRootFromCertificates
from twisted.internet.task import deferLater

from mailrelay.mail.answer import Tlsa
from mailrelay.mail.encryption import TlsPolicy
from mailrelay.mail.envelope import Hop
from mailrelay.smtp.dial import connect_by
from mailrelay.smtp.pool import Pool
from mailrelay.smtp.trust import Trust

from ..smtp.certificates import Issued, authority, leaf
from ..smtp.outward import MESSAGE, words
from ..smtp.scripted import ScriptedSink
from .test_client_wire import HASTY, TLS, Pretender, SinkProtocol

HOST, DOMAIN = "mx.b.test", "b.test"
ROOT, STRANGER = authority("The authority"), authority("Nobody's authority")
BETWEEN = authority("Between", by=ROOT)

#: What hosts show: the leaf, and the rest of its chain.
SHOWN: dict[str, tuple[Issued, ...]] = {
    "good": (leaf(HOST, by=ROOT), ROOT),
    "good by another between": (leaf(HOST, by=BETWEEN), BETWEEN, ROOT),
    "the one between is missing": (leaf(HOST, by=BETWEEN),),
    "self-signed": (leaf(HOST),),
    "expired": (leaf(HOST, by=ROOT, days=-1, begun=30), ROOT),
    "not valid yet": (leaf(HOST, by=ROOT, begun=-10), ROOT),
    "wrong name": (leaf("mx.c.test", by=ROOT), ROOT),
    "wrong chain": (leaf(HOST, by=STRANGER), STRANGER),
    "only in CN": (leaf(by=ROOT, common=HOST), ROOT),
    "CN beside another name": (leaf("mx.c.test", by=ROOT, common=HOST), ROOT),
    "wildcard": (leaf("*.b.test", by=ROOT), ROOT),
    "wildcard too deep": (leaf("*.test", by=ROOT), ROOT),
    "IP address": (leaf("127.0.0.1", by=ROOT), ROOT),
    "the domain's name": (leaf(DOMAIN, by=ROOT), ROOT),
}

OK, UNTRUSTED, EXPIRED, MISNAMED, FAILED = (
    "",
    "certificate-not-trusted",
    "certificate-expired",
    "certificate-host-mismatch",
    "validation-failure",
)

#: What is found, by authorities (verify, MTA-STS; while a policy is tested it is only told) and by an authority's TLSA
#: record; "none", "may", "encrypt" and a record of the very key take whatever is shown.
TABLE = {
    "good": (OK, OK),
    "good by another between": (OK, OK),
    "the one between is missing": (UNTRUSTED, FAILED),
    "self-signed": (UNTRUSTED, FAILED),
    "expired": (EXPIRED, FAILED),
    "not valid yet": (EXPIRED, FAILED),
    "wrong name": (MISNAMED, MISNAMED),
    "wrong chain": (UNTRUSTED, FAILED),
    "only in CN": (MISNAMED, MISNAMED),
    "CN beside another name": (MISNAMED, MISNAMED),
    "wildcard": (OK, OK),
    "wildcard too deep": (MISNAMED, MISNAMED),
    "IP address": (MISNAMED, MISNAMED),
    # RFC 7672 3.2.2 takes the recipient's domain, too, when DNS proved that the host is its; others do not
    "the domain's name": (MISNAMED, OK),
}

STS = TlsPolicy("sts", DOMAIN, ("mode: enforce",), (HOST,))
TESTED = TlsPolicy("sts", DOMAIN, ("mode: testing",), (HOST,), testing=True)
TLSA = TlsPolicy("tlsa", DOMAIN, ("a record",), (HOST,))


def context(shown: Sequence[Issued]) -> CertificateOptions:
    first, *others = shown
    given: dict[str, Any] = {
        "privateKey": first.key,
        "certificate": first.certificate,
        "extraCertChain": [each.certificate for each in others],
    }
    return CertificateOptions(**given, raiseMinimumTo=TLSVersion.TLSv1_2)


def key_record(issued: Issued) -> Tlsa:
    public = issued.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Tlsa(3, 1, 1, sha256(public).digest())


def rules(shown: Sequence[Issued]) -> dict[str, Hop]:
    """A hop for each rule."""
    root = Tlsa(2, 0, 1, sha256(ROOT.certificate.public_bytes(Encoding.DER)).digest())
    names = (HOST, DOMAIN)
    return {
        "none": Hop(HOST, 0, "none"),
        "may": Hop(HOST, 0, "may"),
        "encrypt": Hop(HOST, 0, "require"),
        "verify": Hop(HOST, 0, "verify"),
        "mta-sts": Hop(HOST, 0, "sts", promise=STS),
        "mta-sts testing": Hop(HOST, 0, "may", promise=TESTED),
        "dane-ta": Hop(HOST, 0, "dane", tlsa=(root,), names=names, promise=TLSA),
        "dane-ee": Hop(HOST, 0, "dane", tlsa=(key_record(shown[0]),), names=names, promise=TLSA),
        "dane of another key": Hop(HOST, 0, "dane", tlsa=(key_record(STRANGER),), names=names, promise=TLSA),
    }


def expected(kind: str, rule: str) -> tuple[str, bool, str]:
    """What becomes of the mail, whether it was encrypted, and the fault that is told."""
    by_authorities, by_anchor = TABLE[kind]
    fault = {
        "verify": by_authorities,
        "mta-sts": by_authorities,
        "mta-sts testing": by_authorities,
        "dane-ta": by_anchor,
        "dane of another key": FAILED,
    }.get(rule, OK)
    refused = bool(fault) and rule != "mta-sts testing"
    return ("deferred" if refused else "delivered", rule != "none" and not refused, fault)


def pool_of(trust: Trust, told: list[str]) -> Pool:
    """A pool that tells the faults that it finds, and that they were met from our address."""
    return Pool(
        connect_by(reactor),  # type: ignore[arg-type]
        reactor,  # type: ignore[arg-type]
        lambda: int(time.time() * 1_000_000),
        "relay.example",
        trust=trust,
        timeouts=HASTY,
        grace=2,
        told=lambda hop, fault, reason: told.append(fault if hop.source == "127.0.0.1" or not fault else "from ?"),
    )


@asynccontextmanager
async def listening(shown: Sequence[Issued], sinks: list[ScriptedSink], sink: ScriptedSink = TLS) -> AsyncIterator[int]:
    """A host with this certificate, none of which makes one that cannot, on a port of loopback."""
    made = context(shown) if shown else None

    class Sinks(Factory):
        noisy = False

        def buildProtocol(self, addr: object) -> SinkProtocol:
            sinks.append(sink.another())
            return SinkProtocol(sinks[-1], made)

    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Sinks())  # type: ignore[arg-type]
    try:
        yield port.getHost().port  # type: ignore[attr-defined]
    finally:
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_table() -> None:
    """T11: what becomes of mail by certificate and rule; nothing of it is said to a host that is refused, and with each
    domain's promise what was wrong is told in the words of RFC 8460."""
    trust = Trust(trustRootFromCertificates([Certificate.loadPEM(ROOT.certificate.public_bytes(Encoding.PEM))]))
    wrong: list[Any] = []
    for kind, shown in SHOWN.items():
        sinks: list[ScriptedSink] = []
        told: list[str] = []
        # a kept connection is judged once: what is only tested gets its own
        pool, testing = pool_of(trust, told), pool_of(trust, told)
        async with listening(shown, sinks) as port:
            for rule, hop in rules(shown).items():
                told.clear()
                at = replace(hop, port=port, address="127.0.0.1")
                sending = testing if rule == "mta-sts testing" else pool
                outcomes = await sending.transmit(at, "from@y.example", [f"a@{DOMAIN}"], lambda _: succeed(MESSAGE))
                what, encrypted, fault = expected(kind, rule)
                found = words(outcomes)[0], outcomes[0].tls.startswith("TLSv1."), (told or [""])[0]
                due = what, encrypted, fault if hop.promise is not None else ""
                if found != due:
                    wrong.append((kind, rule, found, due, str(outcomes[0].reply)))
                if what == "deferred" and (b"MAIL" in sinks[-1].raw or outcomes[0].reply.status != "4.7.5"):
                    wrong.append((kind, rule, sinks[-1].raw, str(outcomes[0].reply)))
            await pool.close()
            await testing.close()
    assert not wrong, "\n".join(map(repr, wrong))


@pytest_twisted.ensureDeferred
async def test_proved_for_another() -> None:
    """RFC 7672 3.2.2: a connection that a host proved by one recipient's domain is not used for another domain's mail,
    whose name the certificate does not bear; one that it proved by its key is used for all."""
    sinks: list[ScriptedSink] = []
    pool = pool_of(Trust(), [])
    async with listening(SHOWN["the domain's name"], sinks) as port:
        for rule, found in (("dane-ta", ["delivered", "deferred"]), ("dane-ee", ["delivered", "delivered"])):
            before, whole = len(sinks), []
            hop = replace(rules(SHOWN["the domain's name"])[rule], port=port, address="127.0.0.1")
            for domain in (DOMAIN, "c.test"):
                at = replace(hop, names=(HOST, domain))
                outcomes = await pool.transmit(at, "from@y.example", [f"a@{domain}"], lambda _: succeed(MESSAGE))
                whole += words(outcomes)
                await deferLater(reactor, 0)  # type: ignore[arg-type] # the connection rests after it has told
            assert (whole, len(sinks) - before) == (found, 2 if rule == "dane-ta" else 1)
        await pool.close()


OFFERS = ("STARTTLS",)
#: Hosts without TLS, with what rules that ask for it answer, and whether "may" sends in the clear.
WITHOUT = {
    "not offered": (ScriptedSink(), "4.7.4", True),
    "454": (ScriptedSink({"STARTTLS": b"454 4.7.0 not now\r\n"}, OFFERS), "4.7.4", True),
    "502": (ScriptedSink({"STARTTLS": b"502 what?\r\n"}, OFFERS), "4.7.4", True),
    "no handshake": (Pretender(extensions=OFFERS), "4.7.5", True),
    "a reply too many": (ScriptedSink({"STARTTLS": b"220 go\r\n250 AUTH PLAIN\r\n"}, OFFERS), "4.5.0", False),
}


@pytest_twisted.ensureDeferred
async def test_without_tls() -> None:
    """T5, T6, T12: of a host that offers no TLS, refuses it, or does not manage it, "may" sends in the clear; whoever
    asks for TLS defers and says nothing of the mail, and neither does "may" where somebody slips in a reply. What
    kept TLS away is told where a domain has promised it."""
    for kind, (sink, status, plaintext) in WITHOUT.items():
        for rule, hop in rules(SHOWN["good"]).items():
            sinks: list[ScriptedSink] = []
            told: list[str] = []
            pool = pool_of(Trust(), told)
            async with listening((), sinks, sink) as port:
                at = replace(hop, port=port, address="127.0.0.1")
                outcomes = await pool.transmit(at, "from@y.example", [f"a@{DOMAIN}"], lambda _: succeed(MESSAGE))
                await pool.close()
            clear = hop.tls == "none" or (plaintext and hop.tls == "may")
            where = kind, rule, str(outcomes[0].reply)
            assert (words(outcomes), outcomes[0].tls) == (["delivered" if clear else "deferred"], ""), where
            if not clear:
                assert outcomes[0].reply.status == status, where
                assert not any(b"MAIL" in each.raw for each in sinks), where
            if hop.promise is not None:
                assert told and all(told), where
