"""What tests about signatures share: keys made once for a process, letters full of what breaks signatures, and an
independent verifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from random import Random

import dkim

from mailrelay.mail.dkim import ALGORITHMS, Signer, dns_text
from mailrelay.manage.signing import new_private_key

DOMAIN = "shop.example"
_WORDS = (b"Hello", b"w\xc3\xb6rld", b"a", b"", b".", b"..", b"From", b"x=3D", b"=", b"\t", b"  ", b"\xff\xfe", b"--b1")
_NAMES = (b"To", b"Cc", b"Subject", b"Reply-To", b"References", b"In-Reply-To", b"List-Unsubscribe", b"X-Any", b"Date")
_TYPES = (
    b"text/plain; charset=utf-8",
    b"text/html",
    b"application/octet-stream",
    b'multipart/mixed;\r\n\tboundary="b1"',
    b"message/rfc822",
)
_ENDS = (b"", b"\r\n", b"\r\n\r\n\r\n", b" \r\n\t\r\n", b"\r\n.", b"\r\n.\r\n", b" ", b"\n\n")


@cache
def private_key(algorithm: str) -> str:
    """A private key of an algorithm in PEM, the same one for a whole process."""
    return new_private_key(algorithm)


def signers(domain: str = DOMAIN) -> list[Signer]:
    """An RSA and an Ed25519 signer."""
    return [Signer.load(domain, f"s{number}", each, private_key(each)) for number, each in enumerate(ALGORITHMS)]


@cache
def published(domain: str = DOMAIN) -> Mapping[bytes, bytes]:
    """What the domain of `signers` has in the DNS."""
    return {
        f"s{number}._domainkey.{domain}.".encode(): dns_text(private_key(each)).encode()
        for number, each in enumerate(ALGORITHMS)
    }


def verified(message: bytes, records: Mapping[bytes, bytes] | None = None) -> list[bool]:
    """For each signature of a message, from the top, whether dkimpy finds it good."""
    dns = published() if records is None else records
    count = message.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature: ")
    return [_is_good(message, number, dns) for number in range(count)]


def _is_good(message: bytes, number: int, dns: Mapping[bytes, bytes]) -> bool:
    try:
        return bool(dkim.DKIM(message).verify(number, dnsfunc=lambda name, timeout=5: dns.get(name)))
    except dkim.ValidationError:
        return False


def letters(seed: int, count: int) -> Iterator[bytes]:
    """Sources as clients send them: folded and tabbed fields, lines of any length, blank lines at the end, bare dots,
    8-bit octets in any charset, parts."""
    chance = Random(seed)
    for _ in range(count):
        fields = [b"From: App <app@%s>" % DOMAIN.encode()]
        fields += [b"%s:%s" % (chance.choice(_NAMES), _value(chance)) for _ in range(chance.randrange(6))]
        if chance.random() < 0.7:
            fields += [b"MIME-Version: 1.0", b"Content-Type: " + chance.choice(_TYPES)]
        chance.shuffle(fields)
        yield b"\r\n".join([*fields, b"", _body(chance)]) + chance.choice(_ENDS)


def _value(chance: Random) -> bytes:
    """A field's value with white space of every kind, on lines of up to 998 octets and beyond."""
    width = chance.choice((10, 60, 78, 500, 998, 1200))
    words = [chance.choice(_WORDS).replace(b"\xff\xfe", b"y") for _ in range(chance.randrange(12))]
    words.append(b"z" * chance.randrange(width))
    chance.shuffle(words)
    return b"".join(chance.choice((b" ", b"  ", b"\t", b"\r\n ", b" \r\n\t", b"")) + word for word in words)


def _body(chance: Random) -> bytes:
    lines = []
    for _ in range(chance.randrange(12)):
        line = b" ".join(chance.choice(_WORDS) for _ in range(chance.randrange(8)))
        lines.append(line * (200 if chance.random() < 0.05 else 1) + chance.choice((b"", b" ", b"\t ")))
    return b"\r\n".join(lines)
