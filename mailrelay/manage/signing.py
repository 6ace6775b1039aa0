"""The keys by which a domain signs its mail, and what it publishes in the DNS for them.

A domain gets a pair, RSA-2048 and Ed25519, when it is added; a private key is sealed under the installation's key as
soon as it is made and is shown to nobody. A pair made later waits until it is put to use, so that its records can be
published first. Nothing here asks the DNS.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ..interfaces.directory import SigningKey
from ..interfaces.registry import DomainKey
from ..mail.dkim import ALGORITHMS, RSA, dns_text
from ..vault import Vault

if TYPE_CHECKING:
    from .installation import Installation

RSA_BITS = 2048  #: what every verifier takes, and what still fits a DNS answer by UDP (RFC 8301 3.2)
STRING = 255  #: octets in one string of a TXT record (RFC 1035 3.3)


@dataclass(frozen=True, slots=True)
class Record:
    """A TXT record to publish: `purpose` is "dkim", "spf" or "dmarc"."""

    purpose: str
    name: str
    value: str

    def __str__(self) -> str:
        """The record as a line of a zone file; a value too long for one string stands in several."""
        strings = [self.value[start : start + STRING] for start in range(0, len(self.value), STRING)]
        return " ".join([f"{self.name}. IN TXT", *[f'"{each}"' for each in strings]])


def new_private_key(algorithm: str) -> str:
    """A fresh private key, PKCS #8 in PEM; RSA takes some 50 ms."""
    key = rsa.generate_private_key(65537, RSA_BITS) if algorithm == RSA else ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


async def new_pair(installation: Installation, account: str, domain: str, *, active: bool) -> tuple[DomainKey, ...]:
    """A key of each algorithm for a domain (A-labels) of an account (its id); nothing is kept yet."""
    # Unlike any other pair: a domain of several accounts publishes the records of each.
    mark = b32encode(installation.random(5)).decode("ascii").lower()
    now = installation.now()
    made = []
    for algorithm in ALGORITHMS:
        selector = f"{algorithm.partition('-')[0]}-{mark}"
        pem = await installation.new_private_key(algorithm)
        sealed = installation.vault.seal(pem, _context(account, domain, selector))
        made.append(DomainKey(account, domain, selector, algorithm, dns_text(pem), sealed, active, now))
    return tuple(made)


def unlock(vault: Vault, account: str, domain: str, key: SigningKey) -> str:
    """The private key in PEM; `VaultError` when it was sealed for another domain, by another installation, or not at
    all."""
    return vault.unseal(key.sealed, _context(account, domain, key.selector))


def records(domain: str, keys: Sequence[DomainKey], hostname: str) -> Iterator[Record]:
    """What a domain publishes: a record for each key, and first ones for SPF and DMARC where it has none yet."""
    for key in keys:
        yield Record("dkim", f"{key.selector}._domainkey.{domain}", key.dns_text)
    yield Record("spf", domain, f"v=spf1 a:{hostname} ~all")
    yield Record("dmarc", f"_dmarc.{domain}", "v=DMARC1; p=none")


def _context(account: str, domain: str, selector: str) -> str:
    return f"domain key:{account}:{domain}:{selector}"
